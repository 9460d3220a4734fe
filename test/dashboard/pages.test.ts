import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testConfig } from '../support/config.ts'
import { ownPage, page, type Site, startSite, type Visitor } from './browser.ts'
import { file, type MemoryDocument, memoryDocument, secrets } from './document.ts'
import { unclosed } from './html.ts'

/** What somebody may call themselves, a model, a key or a reason. */
const hostile = `"><svg onload=alert(1)><img src=x onerror=alert(1)></textarea></script>{{7*7}}'`
const parts = [/<svg onload/, /<img src=x/, /<\/script>\{\{/, /<\/textarea><\/script>/]

const pages = ['', '/models', '/connect', '/keys', '/requests', '/sessions']
const adminPages = [
  '/overview',
  '/people',
  '/access',
  '/quotas',
  '/doors',
  '/providers',
  '/config',
  '/audit',
  '/doctor',
]
const all = [...pages, ...adminPages].map((page) => `/ui${page}`)

let site: Site
let owner: Visitor
let alice: Visitor
let document: MemoryDocument
beforeAll(async () => {
  document = memoryDocument(file)
  site = await startSite(
    {
      mode: 'both',
      front: 'tailscale',
      listeners: [
        { name: 'local', bind: '127.0.0.1:0' },
        { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' },
      ],
      allowed_hosts: ['gateway.tail1234.ts.net', 'ai.example.com'],
      providers: {
        local: { name: hostile, baseurl: 'http://127.0.0.1:9', models: ['local-llm', hostile] },
      },
      groups: { 'group:family': ['alice@example.com'] },
    },
    { document },
  )
  owner = await site.visitor('owner')
  alice = await site.visitor('alice')
  await owner.send('POST', '/postern/api/keys', { name: hostile })
  await owner.send('POST', '/postern/api/keys', { name: 'for owner only' })
  await alice.send('POST', '/postern/api/keys', { name: 'for alice' })
  const ban = {
    address: '203.0.113.7',
    cause: 'admin',
    level: 1,
    startedAt: 0,
    until: null,
  } as const
  await site.gateway.store.saveBan({ ...ban, note: hostile })
  site.gateway.state.health.note('local', 'broken', hostile)
})
afterAll(() => site.gateway.stop())

describe('every page', () => {
  it.each(all)('%s shows hostile text as the text it is', async (path) => {
    const text = await owner.read(path)
    expect(parts.filter((part) => part.test(text))).toEqual([])
  })

  it.each(all)('%s runs nothing inline, and shows no secret', async (path) => {
    const text = await owner.read(path)
    expect(text).not.toMatch(/<script(?![^>]*src=)|\son\w+=["']|\sstyle=|javascript:/)
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
  })

  it.each(all)('%s closes what it opens', async (path) => {
    expect(unclosed(await owner.read(path))).toEqual([])
  })

  it.each(all)('%s has one heading of its own, and is marked in the menu', async (path) => {
    const text = await owner.read(path)
    expect(text.match(/<h1>/g)).toHaveLength(1)
    expect(text).toContain(`<a href="${path}" aria-current="page">`)
  })

  it.each(adminPages)('/ui%s is for admins, its file as well', async (page) => {
    for (const path of [`/ui${page}`, `/ui${page}?csv`]) {
      const response = await alice.get(path)
      expect(response.status).toBe(403)
      expect(await response.text()).not.toContain('203.0.113.7')
    }
  })

  it.each(['/models', '/keys', '/people', '/access', '/doors', '/providers', '/audit'])(
    '/ui%s is to be had as a file',
    async (page) => {
      const response = await owner.get(`/ui${page}?csv`)
      expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      const lines = (await response.text()).split('\r\n')
      expect(lines.length).toBeGreaterThan(2)
    },
  )
})

describe('keys', () => {
  it('are those of the login, of everybody only for admins', async () => {
    const mine = await alice.read('/ui/keys')
    expect(mine).toContain('for alice')
    expect(mine).not.toContain('for owner only')
    expect(await (await alice.get('/ui/keys?csv')).text()).not.toContain('for owner only')
    expect(await owner.read('/ui/people')).toContain('for alice')
  })
})

describe('connecting', () => {
  it('needs a key but on the tailnet, where clients take any word', async () => {
    const here = await alice.read('/ui/connect')
    expect(here).toContain('Authorization: Bearer YOUR_KEY')
    const at = encodeURIComponent('tailnet https://gateway.tail1234.ts.net')
    const there = await alice.read(`/ui/connect?at=${at}`)
    expect(there).toContain('curl https://gateway.tail1234.ts.net/v1/chat/completions')
    expect(there).toContain('Authorization: Bearer not-needed')
  })

  it('knows an address for each door', async () => {
    const text = await alice.read('/ui/connect')
    const options = [...text.matchAll(/<option value="(\w+ https?:[^"]+)"/g)].map(([, at]) => at)
    expect(options).toEqual([
      `local ${site.gateway.url}`,
      'tailnet https://gateway.tail1234.ts.net',
      'public https://gateway.tail1234.ts.net',
      'public https://ai.example.com',
    ])
  })

  it.each([
    ['openai', 'base_url=&quot;{}/v1&quot;'],
    ['anthropic', 'base_url=&quot;{}&quot;'],
    ['claude-code', 'ANTHROPIC_BASE_URL={}'],
    ['codex', 'base_url = &quot;{}/v1&quot;'],
    ['gemini-cli', 'GOOGLE_GEMINI_BASE_URL={}'],
    ['open-webui', 'OPENAI_API_BASE_URL={}/v1'],
    ['karakeep', 'OPENAI_BASE_URL={}/v1'],
    ['continue', 'apiBase: &quot;{}/v1&quot;'],
    ['zed', '&quot;api_url&quot;: &quot;{}/v1&quot;'],
    ['home-assistant', 'Base URL  {}/v1'],
  ])('tells %s this address and the model', async (client, line) => {
    const text = await alice.read(`/ui/connect?client=${client}&model=local/local-llm`)
    expect(text).toContain(line.replace('{}', site.gateway.url))
    if (client !== 'open-webui') expect(text).toMatch(/<pre[^>]*>[^<]*local\/local-llm/)
  })

  it('puts no name of a model where a shell would run it', async () => {
    const text = await owner.read(
      `/ui/connect?client=claude-code&model=${encodeURIComponent(`local/${hostile}`)}`,
    )
    expect(text).toContain('ANTHROPIC_MODEL=&#39;local/&quot;&gt;')
  })
})

describe('the name', () => {
  it('and the picture are those of the configuration, and text', async () => {
    const logo = `data:image/svg+xml;base64,${btoa('<svg xmlns="http://www.w3.org/2000/svg"/>')}`
    const own = await startSite({ ui: { name: '<b>Home & Hearth</b>', logo } })
    const text = await (await own.visitor('alice')).read('/ui/models')
    expect(text).toContain('<title>Models &middot; &lt;b&gt;Home &amp; Hearth&lt;/b&gt;</title>')
    expect(text).toContain(`<img src="${logo}" alt="" width="28" height="28">`)
    await own.gateway.stop()
  })

  it('are what people sign in to, and out of', async () => {
    const own = await startSite({ ui: { name: '<b>Home & Hearth</b>' } })
    const nobody = await own.visitor()
    const name = '&lt;b&gt;Home &amp; Hearth&lt;/b&gt;'
    expect(await nobody.read('/postern/login')).toContain(`<h1>Sign in to ${name}</h1>`)
    expect(await nobody.read('/postern/logout')).toContain(`<h1>Sign out of ${name}?</h1>`)
    const wrong = await fetch(`${own.gateway.url}/postern/login`, {
      method: 'POST',
      headers: { ...page, ...ownPage },
      body: new URLSearchParams({ user: 'alice', password: 'x', to: '/' }),
    })
    expect(await wrong.text()).toContain(`<title>Could not sign in to ${name}</title>`)
    await own.gateway.stop()
  })

  it.each([
    { name: '' },
    { name: 'a\nb' },
    { name: 'x'.repeat(41) },
    { logo: 'https://evil.example/x.png' },
    { logo: 'data:text/html;base64,PHNjcmlwdD4=' },
    { logo: 'data:image/png;base64,"><script>' },
  ])('and the picture are refused: %j', (ui) => {
    expect(() => testConfig({ ui })).toThrow(/ui\./)
  })
})

describe('the doctor', () => {
  it('is asked when the page is there', async () => {
    expect(await owner.read('/ui/doctor')).toContain('data-late="/ui/doctor?look=1"')
    const text = await owner.read('/ui/doctor?look=1')
    expect(text).toContain('<th role="columnheader" scope="col">What to do</th>')
    expect(parts.filter((part) => part.test(text))).toEqual([])
  })
})

describe('access', () => {
  it('says which grant allows it, and why not', async () => {
    const yes = await owner.read('/ui/access?who=alice&model=local/local-llm&door=public')
    expect(yes).toContain('Yes, from the internet.')
    expect(yes).toContain('names &ldquo;group:family&rdquo; and allows &ldquo;local/**&rdquo;')
    const no = await owner.read('/ui/access?who=bob&model=local/local-llm&door=tailnet')
    expect(no).toContain('No, not by the tailnet.')
    expect(no).toContain('no grant names them')
  })

  it('shows who as the text it is', async () => {
    const text = await owner.read(
      `/ui/access?who=${encodeURIComponent(hostile)}&model=${encodeURIComponent(hostile)}`,
    )
    expect(parts.filter((part) => part.test(text))).toEqual([])
  })
})

describe('the configuration', () => {
  it('stands in the page with its comments, its secrets as marks', async () => {
    const text = await owner.read('/ui/config')
    expect(text).toContain('// &lt;img src=x onerror=alert(1)&gt; our doors')
    expect(text).toContain('&quot;keep:/providers/local/apikey&quot;')
    expect(text).toContain(`data-version="v${document.text.length}"`)
  })

  it('lists those that were in force before, and offers to go back', async () => {
    const kept = document.text
    expect(await owner.read('/ui/config')).toContain('None yet')
    await owner.send('PUT', '/postern/api/mode', { mode: 'serve' })
    const text = await owner.read('/ui/config')
    expect(text).toContain('as it was found')
    expect(text).toContain('- &quot;mode&quot;: &quot;both&quot;,')
    expect(text.match(/data-compare=/g)).toHaveLength(1)
    expect(text.match(/tag good">in force/g)).toHaveLength(1)
    document.text = kept
    expect((await owner.read('/ui/config')).match(/data-compare=/g)).toHaveLength(2)
  })

  it('is not shown when it is not HuJSON', async () => {
    const kept = document.text
    document.text = `{ "apikey": "sk-secret-one"`
    const text = await owner.read('/ui/config')
    expect(text).toContain('The file on disk is not HuJSON')
    expect(text).not.toContain('sk-secret-one')
    document.text = kept
  })
})

describe('the door to the internet', () => {
  it('is shut with one call, which is on record', async () => {
    expect(await owner.read('/ui/doors')).toContain('name="mode" value="serve"')
    const before = document.text
    const response = await owner.send('PUT', '/postern/api/mode', { mode: 'serve' })
    expect(await response.json()).toEqual({ mode: 'serve' })
    expect(document.text).toBe(before.replace('"both"', '"serve"'))
    expect(site.gateway.store.acts.at(-1)?.audit).toMatchObject({
      login: 'owner',
      action: 'mode.set',
      outcome: 'done',
      detail: '- "mode": "both",\n+ "mode": "serve",',
    })
    expect(await owner.read('/ui/audit')).toContain('mode.set')
    document.text = before
  })

  it('is for admins, and for pages of ours', async () => {
    expect((await alice.send('PUT', '/postern/api/mode', { mode: 'local' })).status).toBe(403)
    const foreign = await fetch(`${site.gateway.url}/postern/api/mode`, {
      method: 'PUT',
      headers: {
        authorization: `Basic ${btoa('owner:owner-password')}`,
        'content-type': 'application/json',
        'sec-fetch-site': 'cross-site',
      },
      body: '{"mode":"local"}',
    })
    expect(foreign.status).toBe(403)
    expect(document.text).toContain('"both"')
  })

  it('stays as it is when the file has a mistake', async () => {
    const kept = document.text
    document.text = kept.replace('"baseurl"', '"basurl"')
    const response = await owner.send('PUT', '/postern/api/mode', { mode: 'serve' })
    expect(response.status).toBe(422)
    expect(document.text).toContain('"both"')
    document.text = kept
  })
})
