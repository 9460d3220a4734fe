import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NodeStore, openStore } from '../../src/adapter/node/store/store.ts'
import { usageRow } from '../store/fixtures.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const owner = `Basic ${btoa('owner:owner-password')}`
const alice = `Basic ${btoa('alice:alice-password')}`

const DAY = 86_400_000
const now = Date.now()
const id = (n: number) => `${(now - n).toString(16).padStart(12, '0')}`.replace(/^.{8}/, '$&-')

const rows = [
  usageRow({ id: `${id(1)}-7000-8000-000000000001`, requestId: `${id(9)}-7fff-8000-000000000001` }),
  usageRow({
    id: 'b',
    model: 'other',
    status: 502,
    outcome: 'upstream_error',
    errorCode: 'overloaded_error',
    costNanousd: 7,
  }),
  usageRow({ id: 'c', login: 'bob@example.com', userAgent: 'claude-cli/2', sessionId: 's,1' }),
  usageRow({ id: 'd', login: 'bob@example.com', model: '100%_sure', sessionId: 's,1' }),
  usageRow({ id: 'e', startedAt: now - 20 * DAY, door: 'tailnet', sessionId: 's,1' }),
].map((row, at) => ({ ...row, startedAt: row.id === 'e' ? row.startedAt : now - at * 1000 }))

let dir: string
let store: NodeStore
let gateway: TestGateway

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'postern-usage-'))
  store = await openStore({ url: 'file:postern.db', dataDir: dir, log: () => {} })
  await Promise.all(rows.map((row) => store.recordUsage(row)))
  gateway = await startTestGateway({}, { platform: { store } })
})
afterAll(async () => {
  await gateway.stop()
  await store.close()
  rmSync(dir, { recursive: true })
})

const ask = (path: string, as = owner) =>
  fetch(`${gateway.url}/postern/api${path}`, { headers: { authorization: as } })

interface Answer {
  readonly total: Record<string, unknown>
  readonly data: Record<string, unknown>[]
  readonly next: string | null
  readonly errors?: { location: string; message: string }[]
}
const answer = async (path: string, as = owner): Promise<Answer> =>
  (await ask(path, as)).json() as Promise<Answer>

describe('what was used', () => {
  it('is summed up over seven days unless another period is named', async () => {
    const { total } = await answer('/usage')
    expect(total).toMatchObject({ requests: 4, failed: 1, input_tokens: 40, cost_nanousd: 7 })
    expect(total).toMatchObject({ unpriced: 3, first_byte: { p50: expect.any(Number) } })
    const since = new Date(now - 30 * DAY).toISOString()
    expect((await answer(`/usage?since=${since}`)).total).toMatchObject({ requests: 5 })
    const before = new Date(now - 3000).toISOString()
    expect((await answer(`/usage?until=${before}`)).total).toMatchObject({ requests: 0 })
    const date = new Date(now + DAY).toISOString().slice(0, 10)
    expect((await answer(`/usage?until=${date}`)).total).toMatchObject({ requests: 4 })
  })

  it('is narrowed by whatever is named', async () => {
    for (const [query, requests] of [
      ['model=other', 1],
      ['status=502', 1],
      ['outcome=ok', 3],
      ['agent=claude-code', 1],
      ['door=tailnet', 0],
      ['provider=lmstudio&login=bob@example.com', 2],
    ] as const) {
      expect((await answer(`/usage?${query}`)).total.requests).toBe(requests)
    }
  })

  it('is held against a model of a cloud, where one is named', async () => {
    const plain = (await (await ask('/usage')).json()) as Answer
    expect(plain.total).not.toHaveProperty('compared_nanousd')
    const found = await (await ask('/usage?compare_with=anthropic/claude-sonnet-4-6')).json()
    // Four requests of 7 fresh tokens at $3, 3 cached at $0.30, 20 out at $15.
    expect(found).toMatchObject({
      compared_with: 'anthropic/claude-sonnet-4-6',
      total: { requests: 4, compared_nanousd: 4 * (7 * 3000 + 3 * 300 + 20 * 15_000) },
    })
    const none = await (await ask('/usage?compare_with=nobody/has-it')).json()
    expect(none).toMatchObject({ total: { compared_nanousd: null } })
    await gateway.reload({ compare_with: 'openai/gpt-4o' })
    expect(await (await ask('/usage/top?by=login')).json()).toMatchObject({
      compared_with: 'openai/gpt-4o',
      data: [{ compared_nanousd: expect.any(Number) }, { compared_nanousd: expect.any(Number) }],
    })
    await gateway.reload({})
  })

  it('is told apart by a dimension, and step by step', async () => {
    const top = await answer('/usage/top?by=login')
    expect(top.data.map(({ name, requests }) => [name, requests])).toEqual([
      ['alice@example.com', 2],
      ['bob@example.com', 2],
    ])
    const series = await answer('/usage/series?step=1h&by=model&top=1')
    expect(series.data.map(({ name }) => name)).toContain(null)
    expect(series.data.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(4)
    const people = await answer('/usage/people')
    expect(Math.max(...people.data.map(({ people }) => Number(people)))).toBe(2)
  })

  it.each([
    ['/usage?since=yesterday', 'query.since'],
    ['/usage?status=teapot', 'query.status'],
    ['/usage/top', 'query.by'],
    ['/usage/top?by=client_ip', 'query.by'],
    ['/usage/series?step=1h&since=2020-01-01', 'query.step'],
    ['/usage/series?step=5m&since=2020-01-01&until=2020-01-04', 'query.step'],
    ['/usage/series?step=1d&since=2020-01-01&until=2021-01-01&by=model', 'query.step'],
    ['/requests?before=x', 'query.before'],
    ['/sessions?before=1,%25,x', 'query.before'],
  ])('says what is wrong with %s', async (path, location) => {
    const response = await ask(path)
    expect(response.status).toBe(422)
    expect(((await response.json()) as Answer).errors?.map((error) => error.location)).toContain(
      location,
    )
  })
})

describe('how requests ended', () => {
  it('is told by outcome and by error code, in sums and in lists', async () => {
    const { total } = await answer('/usage')
    expect(total).toMatchObject({ failed: 1, errors: 1, refused: 0 })
    const { data: codes } = await answer('/usage/top?by=error_code')
    expect(codes).toMatchObject([
      { name: '', requests: 3, errors: 0 },
      { name: 'overloaded_error', requests: 1, errors: 1 },
    ])
    const only = await answer('/usage?error_code=overloaded_error')
    expect(only.total).toMatchObject({ requests: 1, cost_nanousd: 7 })
    const { data } = await answer('/requests?error_code=overloaded_error')
    expect(data).toMatchObject([
      {
        id: 'b',
        outcome: 'upstream_error',
        error_code: 'overloaded_error',
        alias: null,
        attempts: null,
        translated: null,
        queued_ms: null,
      },
    ])
    const csv = await (await ask('/usage.csv?outcome=upstream_error')).text()
    expect(csv).toContain(',error_code,')
    expect(csv).toContain('overloaded_error')
    const lines = await (await ask('/usage.ndjson?error_code=overloaded_error')).text()
    expect(JSON.parse(lines)).toMatchObject({ id: 'b', error_code: 'overloaded_error' })
    expect((await ask('/usage?outcome=failed')).status).toBe(422)
    expect((await ask('/usage?outcome=cut')).status).toBe(200)
  })
})

describe('whoever is not an admin', () => {
  it('sees only their own', async () => {
    expect((await answer('/usage', alice)).total.requests).toBe(2)
    expect((await answer('/usage?login=alice@example.com', alice)).total.requests).toBe(2)
    expect((await answer('/requests', alice)).data.map((row) => row.id)).not.toContain('c')
    expect((await answer('/requests?session=s,1', alice)).data.map((row) => row.id)).toEqual(['e'])
    expect((await answer('/sessions', alice)).data.map((row) => row.login)).toEqual([
      'alice@example.com',
    ])
    expect((await answer('/usage/top?by=login', alice)).data).toHaveLength(1)
  })

  it.each([
    '/usage?login=bob@example.com',
    '/usage/top?by=login&login=bob@example.com',
    '/usage/series?login=bob@example.com',
    '/requests?login=bob@example.com',
    '/sessions?login=bob@example.com',
    '/usage/people',
  ])('is refused %s', async (path) => {
    expect((await ask(path, alice)).status).toBe(403)
  })

  it('does not find the request of somebody else', async () => {
    expect((await ask('/requests/c', alice)).status).toBe(404)
    expect((await ask('/requests/c')).status).toBe(200)
  })
})

describe('requests', () => {
  it('are listed newest first, page by page', async () => {
    const seen: unknown[] = []
    let path: string | undefined = '/requests?limit=2'
    while (path !== undefined) {
      const { data, next }: Answer = await answer(path)
      seen.push(...data.map((row) => row.id))
      path = next === null ? undefined : `/requests?limit=2&before=${encodeURIComponent(next)}`
    }
    expect(seen).toEqual(rows.map((row) => row.id))
  })

  it('are found by what they were, old ones too', async () => {
    const found = async (query: string) =>
      (await answer(`/requests?${query}`)).data.map((row) => row.id)
    expect(await found('outcome=upstream_error')).toEqual(['b'])
    expect(await found('door=tailnet&status=200')).toEqual(['e'])
    expect(await found('agent=claude-code')).toEqual(['c'])
    expect(await found('agent=goose')).toEqual([])
    expect(await found('login=bob@example.com&model=local-llm')).toEqual(['c'])
    expect(await found('session=s,1')).toEqual(['c', 'd', 'e'])
    expect(await found('q=claude-cli')).toEqual(['c'])
    expect(await found(`q=${encodeURIComponent('100%_')}`)).toEqual(['d'])
    expect(await found(`q=${encodeURIComponent('%')}`)).toEqual(['d'])
  })

  it('are shown one by one, by either id', async () => {
    const [row] = rows
    for (const name of [row?.id, row?.requestId, row?.id.toUpperCase()]) {
      const response = await ask(`/requests/${name}`)
      const { id: found } = (await response.json()) as { id?: string }
      expect([name, found]).toEqual([name, name === row?.id.toUpperCase() ? undefined : row?.id])
    }
  })
})

describe('every request', () => {
  const lines = async (path: string, as = owner) => {
    const response = await ask(path, as)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-disposition')).toContain('attachment')
    return (await response.text()).trimEnd().split(/\r?\n/)
  }

  it('comes as CSV, with the names of the columns, and as NDJSON', async () => {
    const [head, ...csv] = await lines('/usage.csv')
    expect(head?.split(',').slice(0, 3)).toEqual(['id', 'started_at', 'login'])
    expect(csv).toHaveLength(rows.length)
    const ndjson = (await lines('/usage.ndjson')).map((line) => JSON.parse(line) as { id: string })
    expect(ndjson.map((record) => record.id)).toEqual(rows.map((row) => row.id))
    expect(await lines('/usage.csv?status=502')).toHaveLength(2)
    expect(await lines('/usage.csv?login=nobody')).toEqual([head])
  })

  it('is only one’s own for others', async () => {
    expect(await lines('/usage.csv', alice)).toHaveLength(4)
    expect((await ask('/usage.ndjson?login=bob@example.com', alice)).status).toBe(403)
  })

  it('is not a formula for a spreadsheet', async () => {
    const names = ['=1+1', '+1', '-1', '@sum', '\tx', '\rx']
    const login = 'mallory@example.com'
    await Promise.all(
      names.map((model, at) => store.recordUsage(usageRow({ login, model, id: `x${at}` }))),
    )
    const text = await (await ask(`/usage.csv?login=${login}`)).text()
    for (const name of names) expect(text).toMatch(new RegExp(`,"?'${name.replace(/[+]/g, '[+]')}`))
  })

  it('is read page by page, at the pace of whoever takes it', async () => {
    const login = 'busy@example.com'
    const many = Array.from({ length: 3500 }, (_, at) => usageRow({ login, id: `many-${at}` }))
    await Promise.all(many.map((row) => store.recordUsage(row)))
    const pages: number[] = []
    const asking: NodeStore = {
      ...store,
      ask: async (name, asks) => {
        const page = await store.ask(name, asks)
        if (name === 'requests') pages.push((page as { rows: unknown[] }).rows.length)
        return page
      },
    }
    const slow = await startTestGateway({}, { platform: { store: asking } })
    const response = await fetch(`${slow.url}/postern/api/usage.ndjson?login=${login}`, {
      headers: { authorization: owner },
    })
    expect(pages.length).toBeLessThan(4)
    const text = await response.text()
    expect(pages).toEqual([1000, 1000, 1000, 500])
    const ids = text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)
    expect(new Set(ids)).toEqual(new Set(many.map((row) => row.id)))
    await slow.stop()
  })
})

describe('sessions', () => {
  it('belong to one person each, whatever name they go by', async () => {
    const { data, next } = await answer('/sessions?limit=1')
    expect(data).toMatchObject([{ login: 'bob@example.com', session_id: 's,1', requests: 2 }])
    const rest = await answer(`/sessions?limit=1&before=${encodeURIComponent(next ?? '')}`)
    expect(rest.data).toMatchObject([{ login: 'alice@example.com', requests: 1 }])
    expect(rest.next).toBeNull()
  })
})
