import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { query } from '../store/fixtures.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'
import { chat } from '../support/setup.ts'

let upstream: FakeUpstream
let postern: PosternProcess

const entry = (src: string, more: object) => ({
  src: [src],
  app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }, more] },
})

beforeAll(async () => {
  upstream = await startUpstream(({ response }) => {
    response.writeHead(200, { 'content-type': 'application/json', 'x-served-by': 'gpu-3' })
    response.end('{"object":"chat.completion","choices":[]}')
    return true
  })
  postern = await startPostern({
    config: {
      users: {
        owner: { password: hashSync('owner-password', 4) },
        alice: { password: hashSync('alice-password', 4) },
      },
      providers: { local: { baseurl: upstream.url, models: ['m'] } },
      database: {
        headers: {
          filterable: [
            { name: 'X-Project' },
            { name: 'x-served-by' },
            { name: 'x-ticket', redact_values: true },
            { name: 'authorization' },
          ],
        },
      },
      grants: [
        entry('owner', { role: 'admin' }),
        entry('alice', { filterable_headers: ['X-Project', 'x-served-by', 'x-ticket'] }),
      ],
    },
  })
  for (const [project, more] of [
    ['alpha', { 'x-ticket': 'T-canary-1' }],
    ['beta', {}],
    ['alpha', {}],
  ] as const) {
    await ask({ 'X-Project': project, ...more })
  }
  await ask({})
  const written = async () => expect(await found('alice', '')).toHaveLength(4)
  await vi.waitFor(written, { timeout: 5000 })
})
afterAll(async () => {
  await postern?.stop()
  await upstream?.stop()
})

const basic = (user: string) => `Basic ${btoa(`${user}:${user}-password`)}`
const ask = async (headers: Record<string, string>) =>
  (await chat(postern.url, { model: 'm' }, { headers })).arrayBuffer()

const requests = (user: string, header: string, more = '') =>
  fetch(
    `${postern.url}/postern/api/requests?${header && `header=${encodeURIComponent(header)}`}${more}`,
    {
      headers: { authorization: basic(user) },
    },
  )
const found = async (user: string, header: string, more = '') => {
  const answer = await requests(user, header, more)
  return ((await answer.json()) as { data: { id: string }[] }).data
}

describe('a header that requests can be found by', () => {
  it('finds them by its value, whoever spells it how', async () => {
    expect(await found('alice', 'x-project:alpha')).toHaveLength(2)
    expect(await found('alice', 'X-PROJECT: beta')).toHaveLength(1)
    expect(await found('alice', 'x-project:gamma')).toHaveLength(0)
    expect(await found('alice', 'x-project')).toHaveLength(3)
  })

  it('is looked for in the answer, too, and beside other filters, page by page', async () => {
    expect(await found('alice', 'x-served-by:gpu-3')).toHaveLength(4)
    expect(await found('alice', 'x-served-by:gpu-3', '&model=other')).toHaveLength(0)
    const first = await requests('alice', 'x-project', '&limit=2')
    const page = (await first.json()) as { data: { id: string }[]; next: string }
    const rest = await found('alice', 'x-project', `&limit=2&before=${page.next}`)
    const ids = [...page.data, ...rest].map(({ id }) => id)
    expect([ids.length, new Set(ids).size]).toEqual([3, 3])
  })

  it('is known to have been there, and no more, where its values are redacted', async () => {
    expect(await found('alice', 'x-ticket')).toHaveLength(1)
    expect(await found('alice', 'x-ticket:T-canary-1')).toHaveLength(0)
    const kept = await query(
      postern.dataDir,
      'SELECT DISTINCT name, value FROM usage_headers ORDER BY 1, 2',
    )
    expect(kept).toEqual([
      // Carries a credential, whatever the configuration says.
      ['authorization', ''],
      ['x-project', 'alpha'],
      ['x-project', 'beta'],
      ['x-served-by', 'gpu-3'],
      ['x-ticket', ''],
    ])
  })

  it('finds nothing for who has no grant to look by it, admins among them', async () => {
    for (const [user, header] of [
      ['owner', 'x-project'],
      ['alice', 'authorization'],
      ['alice', 'cookie'],
    ] as const) {
      expect((await requests(user, header)).status).toBe(403)
    }
  })
})
