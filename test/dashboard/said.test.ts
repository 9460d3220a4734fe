import { afterAll, beforeAll, expect, it } from 'vitest'
import { pack } from '../../src/gateway/capture/pack.ts'
import { usageRow } from '../store/fixtures.ts'
import { type Site, startSite, type Visitor } from './browser.ts'
import { type SeededStore, seededStore } from './ledger.ts'

const now = Date.now()
const kept = usageRow({ id: 'kept', startedAt: now - 5000, login: 'alice@example.com' })
const silent = usageRow({ id: 'silent', startedAt: now - 4000, login: 'alice@example.com' })
const hostile = '</pre><script>alert(1)</script>'

let seeded: SeededStore
let site: Site
let owner: Visitor
let alice: Visitor
let bob: Visitor
beforeAll(async () => {
  seeded = await seededStore([kept, silent])
  const asked = { messages: [{ role: 'user', content: `one line\nand "another"\n${hostile}` }] }
  await seeded.store.saveCapture({
    id: 'kept',
    at: now - 5000,
    request: await pack(asked, 65_536, true),
    response: await pack('answer '.repeat(1000), 100, true),
    tools: null,
  })
  const grant = (src: string, role: string) => ({
    src: [src],
    app: { 'tailscale.com/cap/aperture': [{ role, models: '**' }] },
  })
  const grants = [grant('owner', 'admin'), grant('group:family', 'user'), grant('bob', 'user')]
  const database = { retention: { duration: '30d' } }
  site = await startSite({ grants, database }, { platform: { store: seeded.store } })
  owner = await site.visitor('owner')
  alice = await site.visitor('alice')
  bob = await site.visitor('bob')
})
afterAll(async () => {
  await site.gateway.stop()
  await seeded.stop()
})

const reads = async () =>
  (await seeded.store.ask('audit', { limit: 100 })).filter(
    ({ action }) => action === 'capture.read',
  )

it('is shown line by line to who asked, and what was cut is marked', async () => {
  expect(await alice.read('/ui/requests/kept')).toContain('href="/ui/requests/kept/said"')
  const text = await alice.read('/ui/requests/kept/said')
  expect(text).toContain('one line\n        and &quot;another&quot;\n')
  expect(text).not.toContain(hostile)
  const [, answered = ''] = text.split('<h2>Asked</h2>')[1]?.split('<h2>Answered</h2>') ?? []
  expect(answered).toContain('>cut<')
  expect(answered).toContain('answer answer')
  expect(text.split('<h2>Answered</h2>')[0]).not.toContain('>cut<')
  expect(text).not.toContain('Tools called')
  expect(await reads()).toEqual([])
})

it('is shown to admins, who are told before that it is on record', async () => {
  const page = await owner.read('/ui/requests/kept')
  expect(page).toContain('That you read it goes into the audit.')
  expect(page).not.toContain('one line')
  expect(await reads()).toEqual([])
  expect(await owner.read('/ui/requests/kept/said')).toContain('one line')
  expect(await reads()).toMatchObject([
    { login: 'owner', target: 'kept', detail: 'of alice@example.com' },
  ])
})

it('is shown to nobody else', async () => {
  expect((await bob.get('/ui/requests/kept/said')).status).toBe(404)
})

it('is not there where nothing was kept', async () => {
  expect(await alice.read('/ui/requests/silent')).toContain('Nothing of it is kept.')
  expect((await alice.get('/ui/requests/silent/said')).status).toBe(404)
})
