import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Exposed, Machine } from '../../src/platform/machine.ts'
import { type Site, startSite, type Visitor } from './browser.ts'
import { type SeededStore, seededStore } from './ledger.ts'

const hour = 3_600_000
const now = Date.now()
const thisHour = now - (now % hour)
/** In the middle of its hour. */
const ago = (hours: number) => thisHour - hours * hour + hour / 2

const attempt = (at: number, reason: string, clientIp: string, n = 0) => ({
  id: `${at}-${reason}-${clientIp}-${n}`,
  at,
  clientIp,
  user: 'somebody-tried',
  reason,
  route: '/v1/models',
  requestId: 'r',
})

let exposed: () => Promise<Exposed | undefined> = async () => undefined
let seeded: SeededStore
let site: Site
let owner: Visitor
beforeAll(async () => {
  seeded = await seededStore([])
  const { store } = seeded
  await Promise.all([
    ...Array.from({ length: 7 }, (_, n) =>
      store.recordAuthFailure(attempt(ago(30), 'wrong_password', '203.0.113.9', n)),
    ),
    store.recordAuthFailure(attempt(ago(30), 'missing', '203.0.113.9')),
    store.recordAuthFailure(attempt(ago(5), 'unknown_key', '198.51.100.4')),
    store.recordAuthFailure(attempt(ago(24 * 8), 'bad_token', '192.0.2.1')),
    store.saveBan({
      address: '203.0.113.9',
      cause: 'auth_failures',
      level: 1,
      startedAt: ago(30),
      until: null,
      note: '',
    }),
  ])
  const machine = { exposed: () => exposed() } as Machine
  site = await startSite({ mode: 'local' }, { platform: { store, machine } })
  owner = await site.visitor('owner')
})
afterAll(async () => {
  await site.gateway.stop()
  await seeded.stop()
})

describe('who was turned away', () => {
  it('is drawn by the hour and the cause, with a line where somebody was banned', async () => {
    const text = await owner.read('/ui/doors')
    const at = new Date(ago(30)).toISOString()
    const bar = `${at.slice(5, 10)} ${at.slice(11, 13)}:00`
    expect(text).toContain(`<title>wrong password: 7, ${bar}</title>`)
    expect(text).toContain(`<title>nothing shown: 1, ${bar}</title>`)
    expect(text.match(/class="col/g)).toHaveLength(3)
    expect(text.match(/class="mark"/g)).toHaveLength(1)
    expect(text).toContain('<title>203.0.113.9 banned, ')
  })

  it('is listed by address, the most first, for seven days', async () => {
    const text = await owner.read('/ui/doors')
    const [, list = ''] = text.split('Turned away the most')
    expect(list.indexOf('203.0.113.9')).toBeGreaterThan(0)
    expect(list.indexOf('203.0.113.9')).toBeLessThan(list.indexOf('198.51.100.4'))
    expect(list).toContain('unknown key')
    expect(text).not.toContain('192.0.2.1')
    expect(text).not.toContain('somebody-tried')
  })
})

describe('what postern expose has opened', () => {
  it('says since when, and until when', async () => {
    exposed = async () => ({ mode: 'local', since: now - 3 * hour, until: now + 2.01 * hour })
    const text = await owner.read('/ui/doors')
    expect(text).toMatch(/opened <time[^>]*>3 h ago/)
    expect(text).toMatch(/closes <time[^>]*>in 2 h/)
  })

  it.each<[string, () => Promise<Exposed | undefined>]>([
    ['is another mode than the one in force', async () => ({ mode: 'both', since: 0, until: 1 })],
    ['cannot be read', () => Promise.reject(new Error('EACCES'))],
    ['is nothing', async () => undefined],
  ])('is not told when it %s', async (_what, given) => {
    exposed = given
    const text = await owner.read('/ui/doors')
    expect(text).not.toContain('opened <time')
    expect(text).toContain('Turned away')
  })
})
