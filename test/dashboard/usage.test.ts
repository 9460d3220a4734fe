import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { usageRow } from '../store/fixtures.ts'
import { type Site, startSite, type Visitor } from './browser.ts'
import { unclosed } from './html.ts'
import { aMonth, type SeededStore, seededStore } from './ledger.ts'

/** What a client may call itself, or ask for. */
const hostile = `"><svg onload=alert(1)><img src=x onerror=alert(1)></title></script>{{7*7}}'`
const parts = [/<svg onload/, /<img src=x/, /<\/script>\{\{/]

const now = Date.now()
const month = aMonth(now)
const strange = usageRow({
  id: '0199aaaa-0000-7000-8000-000000000001',
  requestId: '0199aaaa-0000-7000-8000-000000000002',
  startedAt: now - 5000,
  login: hostile,
  kind: 'token',
  credentialId: hostile,
  node: hostile,
  userAgent: hostile,
  label: hostile,
  route: `/v1/${hostile}`,
  model: hostile,
  provider: hostile,
  upstreamModel: hostile,
  costBasis: hostile,
  sessionId: hostile,
  status: 404,
  outcome: 'rejected',
})

let seeded: SeededStore
let site: Site
let owner: Visitor
let alice: Visitor
beforeAll(async () => {
  seeded = await seededStore([...month, strange])
  site = await startSite(
    {
      quotas: { team: { capacity: '2M tokens', rate: '100k tokens/hour' } },
      grants: [
        {
          src: ['owner'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] },
        },
        {
          src: ['group:family'],
          app: {
            'tailscale.com/cap/aperture': [
              { role: 'user', models: 'local/**', quotas: [{ bucket: 'team' }] },
            ],
          },
        },
      ],
    },
    { platform: { store: seeded.store } },
  )
  owner = await site.visitor('owner')
  alice = await site.visitor('alice')
})
afterAll(async () => {
  await site.gateway.stop()
  await seeded.stop()
})

const mine = (login: string, since = 0) =>
  month.filter((row) => row.login === login && row.startedAt >= since)

const idsIn = (text: string): string[] =>
  [...text.matchAll(/href="\/ui\/requests\/([\w-]+)"/g)].map(([, id]) => id ?? '')

/** The number of a tile, exact. */
const tile = (text: string, name: string): string | undefined =>
  new RegExp(`<dt>${name}</dt><dd>(?:<data[^>]* value="([\\d.]+)"|<span[^>]*>([\\d.]+)<)`)
    .exec(text)
    ?.slice(1)
    .find(Boolean)

describe('home', () => {
  it('adds up what is one’s own, and nobody else’s', async () => {
    const text = await alice.read('/ui?range=90d')
    const rows = mine('alice@example.com')
    expect(tile(text, 'Requests')).toBe(String(rows.length))
    const tokens = rows.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0)
    expect(tile(text, 'Tokens')).toBe(String(tokens))
    const dollars = rows.reduce((sum, row) => sum + (row.costNanousd ?? 0), 0) / 1e9
    expect(Number(tile(text, 'Cost'))).toBeCloseTo(dollars, 9)
    expect(text).not.toContain('tag:k8s')
  })

  it('shows what is left of the budgets that one is charged to', async () => {
    expect(await alice.read('/ui')).toContain('<strong>team</strong>')
    expect(await owner.read('/ui')).not.toContain('<strong>team</strong>')
  })

  it('tells who asked for nothing yet how to begin', async () => {
    const fresh = await startSite()
    const text = await (await fresh.visitor('alice')).read('/ui')
    expect(text).toContain('Connect a client')
    expect(text).toContain(`${fresh.gateway.url}/v1`)
    await fresh.gateway.stop()
  })

  it('stacks what was asked for most over the whole period, and the rest as one', async () => {
    const text = await owner.read('/ui/overview?range=30d&show=requests&by=model')
    const names = [...text.matchAll(/<i class="s(\d)"><\/i>([^<]+)</g)].map(([, s, name]) => [
      s,
      name,
    ])
    const counts = new Map<string, number>()
    for (const { upstreamModel } of month) {
      counts.set(upstreamModel ?? '', (counts.get(upstreamModel ?? '') ?? 0) + 1)
    }
    const most = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name)
    expect(names.slice(0, 4).map(([, name]) => name)).toEqual(most.slice(0, 4))
    expect(names[4]).toEqual(['5', 'all others'])
  })

  it('has one line for a model, by whichever name it was asked for', async () => {
    const text = await owner.read('/ui/overview?range=90d&by=model')
    const rows = text.slice(text.indexOf('<tbody'), text.indexOf('</tbody'))
    expect([...rows.matchAll(/<tr/g)]).toHaveLength(6)
    expect(rows).not.toContain('ollama/')
    expect(rows).toContain('href="/ui/requests?range=90d&amp;model=qwen3%3A32b"')
    const asked = month.filter(({ upstreamModel }) => upstreamModel === 'qwen3:32b')
    const file = await owner.get('/ui/requests?range=90d&model=qwen3:32b&csv=1')
    expect((await file.text()).trim().split('\r\n')).toHaveLength(asked.length + 1)
  })
})

describe('overview', () => {
  it.each(['model', 'person', 'provider', 'door', 'client', 'outcome', 'error', 'constructor'])(
    'tells usage apart by %s',
    async (by) => {
      for (const show of [
        'requests',
        'tokens',
        'cost',
        'errors',
        'refused',
        'first',
        'speed',
        '__proto__',
      ]) {
        const text = await owner.read(`/ui/overview?range=7d&by=${by}&show=${show}`)
        expect(text).toContain('<th role="columnheader" scope="col" class="right">Requests</th>')
        expect(parts.filter((part) => part.test(text))).toEqual([])
      }
    },
  )

  it('takes any range, and no nonsense for one', async () => {
    const from = new Date(now - 20 * 86_400_000).toISOString().slice(0, 10)
    const to = new Date(now - 10 * 86_400_000).toISOString().slice(0, 10)
    const text = await owner.read(`/ui/overview?from=${from}&to=${to}`)
    const [since, until] = [Date.parse(from), Date.parse(to) + 86_400_000]
    const rows = month.filter(({ startedAt }) => startedAt >= since && startedAt < until)
    expect(tile(text, 'Requests')).toBe(String(rows.length))
    for (const query of [
      'range=-1',
      'from=0000-99-99',
      'from=9999-01-01',
      'range=1e9&from=x&to=y',
    ]) {
      expect(await owner.read(`/ui/overview?${query}`)).toContain('the last 24 hours')
    }
  })

  it('counts what providers failed and what was refused here apart', async () => {
    const text = await owner.read('/ui/overview?range=90d')
    const count = (outcome: string) =>
      [...month, strange].filter((row) => row.outcome === outcome).length
    expect(count('rejected')).toBeGreaterThan(5)
    expect(tile(text, 'Errors')).toBe(String(count('upstream_error')))
    expect(tile(text, 'Refused here')).toBe(String(count('rejected')))
    const codes = await owner.read('/ui/overview?range=90d&by=error')
    expect(codes).toContain('href="/ui/requests?range=90d&amp;error=overloaded_error"')
    expect(codes).toContain('href="/ui/requests?range=90d&amp;error=quota_exceeded"')
  })

  it('is a file by the same name', async () => {
    const response = await owner.get('/ui/overview?range=90d&by=person&csv')
    const lines = (await response.text()).trim().split('\r\n')
    expect(lines[0]).toBe('Person,Requests,Errors,Refused,Tokens,Cost,First token,Tokens/s')
    expect(lines.find((line) => line.startsWith('bob,'))).toMatch(`bob,${mine('bob').length},`)
  })
})

describe('requests', () => {
  it('are one’s own, whatever the address says, and everybody’s for admins', async () => {
    const own = new Set(mine('alice@example.com').map(({ id }) => id))
    for (const query of ['', 'login=owner', 'login=*', 'login=', 'text=owner']) {
      const ids = idsIn(await alice.read(`/ui/requests?range=90d&${query}`))
      expect(ids.filter((id) => !own.has(id))).toEqual([])
    }
    expect(idsIn(await alice.read('/ui/requests?range=90d&login=owner')).length).toBe(50)
    const file = await (await alice.get('/ui/requests?range=90d&login=owner&csv=1')).text()
    expect(file.trim().split('\r\n').length - 1).toBe(own.size)
    const all = await owner.read('/ui/requests')
    expect(all).toContain('tag:k8s')
    const of = await owner.read('/ui/requests?login=bob')
    expect(of).not.toContain('tag:k8s')
  })

  it.each([
    ['model=ollama%2Fqwen3:32b', 'asked for as qwen3:32b', 'gpt-5.2'],
    ['model=qwen3:32b', 'asked for as ollama/qwen3:32b', 'gpt-5.2'],
    ['error=quota_exceeded', '429 refused', 'overloaded_error'],
    ['error=overloaded_error', '502 provider failed', 'quota_exceeded'],
    ['outcome=rejected', '429 refused', '>200<'],
    ['outcome=upstream_error', '502 provider failed', '>200<'],
    ['door=public', '>public<', '>tailnet<'],
    ['agent=claude-code', 'claude-code', 'openai-python'],
    ['text=gpt-5', 'gpt-5.2', 'qwen3:32b'],
  ])('can be chosen by %s', async (query, there, gone) => {
    const text = await owner.read(`/ui/requests?range=90d&${query}`)
    const rows = text.slice(text.indexOf('<tbody'), text.indexOf('</tbody'))
    expect(rows).toContain(there)
    expect(rows).not.toContain(gone)
  })

  it('go on, page by page, without a gap', async () => {
    const seen: string[] = []
    let next: string | undefined = '/ui/requests?range=90d'
    while (next !== undefined && seen.length < 400) {
      const text = await owner.read(next)
      seen.push(...idsIn(text))
      next = /href="([^"]*before=[^"]*)">Older/.exec(text)?.[1]?.replaceAll('&amp;', '&')
    }
    const expected = [...month, strange].sort(
      (a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1),
    )
    expect(seen.slice(0, 400)).toEqual(expected.slice(0, 400).map(({ id }) => id))
  })

  it.each([
    "text=' OR 1=1--",
    'text=%25%25%25',
    'model=x" UNION SELECT password FROM users--',
    'before=1.0 OR 1=1',
    'before=999999999999999999999.x',
    'door=public" OR "1"="1',
    'outcome[]=ok',
    'limit=1000000000&offset=-1',
    `text=${'a'.repeat(4000)}`,
  ])('answer %s like any other question', async (query) => {
    const [name, value = ''] = [
      query.slice(0, query.indexOf('=')),
      query.slice(query.indexOf('=') + 1),
    ]
    const response = await owner.get(`/ui/requests?${name}=${encodeURIComponent(value)}`)
    expect(response.status).toBe(200)
    await response.text()
  })

  it('are shown in full to who made them and to admins, and to nobody else', async () => {
    const row = mine('bob')[0]
    expect(await owner.read(`/ui/requests/${row?.id}`)).toContain('203.0.113.24')
    expect((await alice.get(`/ui/requests/${row?.id}`)).status).toBe(404)
    expect((await owner.get('/ui/requests/nobody')).status).toBe(404)
    const own = mine('alice@example.com')[0]
    const text = await alice.read(`/ui/requests/${own?.id}`)
    expect(text).toContain(`<span class="mono">${own?.requestId}</span>`)
    expect(text).not.toContain('which grant')
  })
})

describe('hostile text in the ledger', () => {
  it.each([
    '/ui/requests',
    `/ui/requests/${strange.id}`,
    `/ui/requests?login=${encodeURIComponent(hostile)}&text=${encodeURIComponent(hostile)}`,
    '/ui/sessions?whose=all',
    '/ui/overview?by=person',
    '/ui/overview?by=model',
    '/ui/overview?by=provider',
  ])('is text on %s', async (path) => {
    const text = await owner.read(path)
    expect(parts.filter((part) => part.test(text))).toEqual([])
    expect(text).not.toMatch(/<script(?![^>]*src=)|\son\w+=["']|\sstyle=|javascript:/)
    expect(unclosed(text)).toEqual([])
  })
})

describe('sessions', () => {
  it('are one’s own, and everybody’s only for admins', async () => {
    for (const path of ['/ui/sessions?range=90d', '/ui/sessions?range=90d&whose=all']) {
      const text = await alice.read(path)
      expect(text).toContain('alice@example.com-')
      expect(text).not.toMatch(/(?:bob|owner|tag:k8s)-\d/)
    }
    expect(await owner.read('/ui/sessions?range=90d&whose=all')).toContain('tag:k8s-')
  })

  it.each(['[]', '{}', '[1]', '["a","b","c"]', 'x', '[1,"a",{}]'])(
    'take %s for no place to go on from',
    async (before) => {
      expect((await alice.get(`/ui/sessions?before=${encodeURIComponent(before)}`)).status).toBe(
        200,
      )
    },
  )
})

describe('a signed-in browser', () => {
  const signedIn = async () => {
    const visitor = await site.visitor('alice')
    await expect.poll(async () => (await list(owner)).length).toBeGreaterThan(0)
    return visitor
  }
  const list = async (who: Visitor) => {
    const answer = await who.get('/postern/api/browsers?all=true')
    return ((await answer.json()) as { data: { id: string; login: string }[] }).data
  }
  const own = async (who: Visitor) => {
    const answer = await who.get('/postern/api/browsers')
    return ((await answer.json()) as { data: { id: string; login: string }[] }).data
  }

  it('is listed to who it is, and to admins', async () => {
    await signedIn()
    const mine = await own(alice)
    expect(new Set(mine.map(({ login }) => login))).toEqual(new Set(['alice@example.com']))
    expect(await alice.read('/ui/keys')).toContain('Where you are signed in')
    expect((await alice.get('/postern/api/browsers?all=true')).status).toBe(403)
    expect((await list(owner)).some(({ login }) => login === 'owner')).toBe(true)
    expect(await owner.read('/ui/people')).toContain('alice@example.com')
  })

  it('is signed out from elsewhere, and nobody else with it', async () => {
    const before = new Set((await own(alice)).map(({ id }) => id))
    const stolen = await site.visitor('alice')
    const fresh = async () => (await own(alice)).find(({ id }) => !before.has(id))
    await expect.poll(fresh).toBeDefined()
    const { id } = (await fresh()) ?? { id: '' }
    expect((await stolen.get('/ui/keys')).status).toBe(200)
    expect((await alice.send('DELETE', `/postern/api/browsers/${id}`)).status).toBe(200)
    expect((await stolen.get('/ui/keys')).status).toBe(303)
    expect((await stolen.get('/postern/api/me')).status).toBe(401)
    expect((await alice.get('/ui/keys')).status).toBe(200)
    await expect.poll(async () => (await own(alice)).some((row) => row.id === id)).toBe(false)
  })

  it('of somebody else is not there for who is not an admin', async () => {
    const [theirs] = await own(owner)
    expect((await alice.send('DELETE', `/postern/api/browsers/${theirs?.id}`)).status).toBe(404)
    expect((await owner.get('/ui')).status).toBe(200)
  })

  it('that signs out is so for whoever copied what it held', async () => {
    const visitor = await site.visitor('alice')
    expect((await visitor.get('/ui/keys')).status).toBe(200)
    expect((await visitor.send('POST', '/postern/logout')).status).not.toBe(403)
    expect((await visitor.get('/ui/keys')).status).toBe(303)
    expect((await alice.get('/ui/keys')).status).toBe(200)
  })
})

describe('news', () => {
  const first = async (response: Response, until: string, ms = 4000): Promise<string> => {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const end = Date.now() + ms
    let text = ''
    while (reader && !text.includes(until) && Date.now() < end) {
      const wait = new Promise<undefined>((resolve) =>
        setTimeout(resolve, end - Date.now(), undefined),
      )
      const read = await Promise.race([reader.read(), wait])
      if (!read || read.done) break
      text += read.value
    }
    await reader?.cancel()
    return text
  }

  it('come to who may see the row, and say nothing else', async () => {
    const streams = await Promise.all([alice.get('/ui/live'), owner.get('/ui/live')])
    expect(streams[0]?.headers.get('content-type')).toBe('text/event-stream')
    site.gateway.state.live.tell('alice@example.com')
    for (const stream of streams)
      expect(await first(stream, 'data:')).toBe('retry: 3000\n\ndata: new\n\n')
  })

  it('of others do not come to who is not an admin', async () => {
    const stream = await alice.get('/ui/live')
    site.gateway.state.live.tell('bob')
    expect(await first(stream, 'data:', 1500)).toBe('retry: 3000\n\n')
  })

  it('come with each request that is on the ledger', async () => {
    const heard: string[] = []
    const stop = site.gateway.state.live.listen((login) => heard.push(login))
    await alice.send('POST', '/ui/v1/chat/completions', { model: 'local/local-llm', messages: [] })
    await expect.poll(() => heard).toEqual(['alice@example.com'])
    stop()
  })
})
