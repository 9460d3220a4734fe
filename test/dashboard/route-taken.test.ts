import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { usageRow } from '../store/fixtures.ts'
import { type Site, startSite, type Visitor } from './browser.ts'
import { type SeededStore, seededStore } from './ledger.ts'

const now = Date.now()
const row = (id: string, more: object) =>
  usageRow({
    id,
    requestId: id,
    startedAt: now - 1000,
    durationMs: 60_000,
    kind: 'password',
    credentialId: 'alice',
    login: 'alice@example.com',
    door: 'public',
    model: 'shared',
    provider: 'second',
    upstreamModel: 'shared',
    outcome: 'ok',
    ...more,
  })

let seeded: SeededStore
let site: Site
let owner: Visitor
beforeAll(async () => {
  seeded = await seededStore([
    row('taken', {}),
    row('earlier', { startedAt: now - 3_600_000, durationMs: 10 }),
    row('failed', { provider: 'third', outcome: 'upstream_error', status: 502 }),
    row('gone', { model: 'gone' }),
    row('none', { model: null, provider: null }),
  ])
  const provider = (preference: number) => ({
    baseurl: 'http://127.0.0.1:9',
    models: ['shared'],
    preference,
  })
  const grant = (src: string, role: string, models: string[]) => ({
    src: [src],
    app: { 'tailscale.com/cap/aperture': [{ role, models }] },
  })
  site = await startSite(
    {
      providers: {
        third: provider(1),
        unshared: provider(8),
        first: provider(9),
        second: provider(5),
      },
      grants: [
        grant('owner', 'admin', ['**']),
        grant('group:family', 'user', ['first/**', 'second/**', 'third/**']),
      ],
    },
    { platform: { store: seeded.store } },
  )
  site.gateway.state.health.note('first', 'connect', 'connection refused')
  owner = await site.visitor('owner')
})
afterAll(async () => {
  await site.gateway.stop()
  await seeded.stop()
})

/** The words of each row. */
const shown = async (id: string): Promise<string[]> => {
  const text = await owner.read(`/ui/requests/${id}`)
  const [, why = ''] = text.split('<h2>Why this provider</h2>')
  const [body = ''] = (why.split('<tbody')[1] ?? '').split('</tbody>')
  return body
    .split('</tr>')
    .slice(0, -1)
    .map((each) =>
      each
        .replace(/^[^>]*>/, '')
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
}

describe('why this provider', () => {
  it('is answered by the order of preference, who was passed over, and the grant', async () => {
    expect(await shown('taken')).toEqual([
      expect.stringMatching(
        /^1 first first\/shared passed over \S+: connection refused does not answer \S+.* grant 1 “group:family”, “first\/\*\*”$/,
      ),
      expect.stringMatching(/^2 unshared .* not asked not asked yet no grant$/),
      expect.stringMatching(/^3 second .* answered not asked yet grant 1 /),
      expect.stringMatching(/^4 third .* not asked not asked yet grant 1 /),
    ])
  })

  it('is not blamed on a failure of another time', async () => {
    expect((await shown('earlier'))[0]).toContain('passed over why is not known any more')
  })

  it('tells who was asked where nobody answered', async () => {
    expect((await shown('failed'))[3]).toMatch(/^4 third .* asked not asked yet/)
  })

  it('tells when nobody serves it any more, and nothing where no model was asked for', async () => {
    expect(await owner.read('/ui/requests/gone')).toContain('Nobody serves it any more')
    expect(await owner.read('/ui/requests/none')).not.toContain('Why this provider')
  })

  it('is for admins: a reason may name addresses', async () => {
    const alice = await site.visitor('alice')
    const text = await alice.read('/ui/requests/taken')
    expect(text).not.toContain('Why this provider')
    expect(text).not.toContain('connection refused')
  })
})
