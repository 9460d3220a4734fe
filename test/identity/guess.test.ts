import { expect, it } from 'vitest'
import { createMark } from '../../src/gateway/identity/guess.ts'
import type { Shared } from '../../src/platform/platform.ts'
import { testConfig } from '../support/config.ts'

const shared = {} as Shared
const config = testConfig()
const [[name, user] = [], ...others] = [...config.users]
const changed = {
  ...config,
  users: new Map([...others, [name ?? '', { ...user!, password: 'x' }]]),
}

it('gateways of one configuration give a credential the same mark, in whatever order its users stand', async () => {
  const turned = { ...config, users: new Map([...config.users].reverse()) }
  const [one, two] = [createMark(config, { shared }), createMark(turned, { shared })]
  expect(await one('password\0alice\0old')).toBe(await two('password\0alice\0old'))
  expect(await one('password\0alice\0old')).not.toBe(await one('password\0alice\0new'))
})

it('a mark says nothing to who lacks the hashes, and is short', async () => {
  const [one, two] = [createMark(config, { shared }), createMark(changed, { shared })]
  expect(await one('key\0sk-stale')).not.toBe(await two('key\0sk-stale'))
  expect(await one('key\0sk-stale')).toHaveLength(8)
})
