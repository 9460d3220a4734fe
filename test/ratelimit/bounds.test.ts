import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import type { Client } from '../../src/gateway/http/env.ts'
import { addressSet, clientAddress } from '../../src/gateway/http/guards/client-address.ts'
import { createCredentialCache } from '../../src/gateway/identity/credential-cache.ts'
import { createBans } from '../../src/gateway/ratelimit/bans.ts'
import { createFailures } from '../../src/gateway/ratelimit/failures.ts'
import { createLimiter } from '../../src/gateway/ratelimit/limits.ts'
import { fakeClock } from '../support/clock.ts'
import { memoryStore } from '../support/store.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

const config = { max: 5, window: 600_000, ban: 900_000, maxBan: 86_400_000 }
const rate = { events: 600, window: 60_000 }
const place = clientAddress('203.0.113.7', null, addressSet([]))
const template: Client = { ...place, host: '', secure: false, funnel: false }
const clientOf = (i: number): Client => {
  const ip = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
  return { ...template, ip, key: ip }
}

it('a million addresses and the credentials they try cost less than 50 MB', {
  timeout: 60_000,
}, async () => {
  const clock = fakeClock()
  const limiter = createLimiter(clock)
  const failures = createFailures({ clock })
  const cache = createCredentialCache({ clock })
  const before = heap()
  for (let i = 0; i < 1_000_000; i += 1) {
    const client = clientOf(i)
    limiter.take([`api ${client.key}`, `api 10.${i >> 16}`, 'api'], rate)
    // These hold far less than that.
    if (i % 10 !== 0) continue
    const attempt = failures.admit(client, config, `digest ${i} ${'h'.repeat(60)}`)
    if (attempt.admitted) attempt.settle('wrong')
    cache.remember({ place: client.key, fingerprint: `digest ${i}`, hash: 'hash' }, i % 20 === 0)
  }
  expect(heap() - before).toBeLessThan(50e6)
  // Nothing above may be collected before it was measured.
  expect([limiter, failures, cache]).toHaveLength(3)
})

it('sixty thousand bans cost less than 50 MB', { timeout: 60_000 }, async () => {
  const clock = fakeClock()
  const store = { ...memoryStore(), saveBan: async () => undefined }
  const bans = createBans({ clock, store, log: () => undefined, waitUntil: () => undefined })
  await bans.loaded
  const before = heap()
  for (let i = 0; i < 60_000; i += 1) {
    await bans.impose(clientOf(i), config)
  }
  expect(heap() - before).toBeLessThan(50e6)
  expect(bans.find(clientOf(59_999))).toBeDefined()
  expect(bans.find(clientOf(0))).toBeUndefined()
})
