import { adminApi, type Mounted } from './admin/routes.ts'
import { digestOf, hintOf, newRandomKey } from './identity/key-format.ts'
import type { Platform } from './platform.ts'
import { compileGrants } from './policy/grants.ts'
import { banAddress, bannableAddress } from './ratelimit/ban-address.ts'
import type { State } from './state.ts'

/** Our own API, joined to the stages that it manages. */
export const management = (platform: Platform, state: State): Mounted[] =>
  adminApi({
    platform,
    document: state.document,
    newKey: async () => {
      const key = newRandomKey(platform.random)
      return { key, digest: await digestOf(key), hint: hintOf(key) }
    },
    staysAdmin: (c, next) => {
      const { caller } = c.get('auth')
      const policy = compileGrants({ ...next, log: platform.log })
      return caller !== undefined && policy.forCaller(caller, c.get('client')).role === 'admin'
    },
    address: banAddress,
    bannable: bannableAddress,
    more: [],
  })
