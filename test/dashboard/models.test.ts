import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Site, startSite } from './browser.ts'

const hostile = `"><svg onload=alert(1)>{{7*7}}</script><img src=x onerror=alert(1)>'`

let site: Site
beforeAll(async () => {
  site = await startSite({
    providers: {
      local: { baseurl: 'http://127.0.0.1:9', models: ['local-llm', hostile, 'nomic-embed'] },
      cloud: {
        name: '=cmd()',
        baseurl: 'http://127.0.0.1:9',
        models: ['big'],
        prices: { big: { input: 3, output: 15 } },
        context_length: 200_000,
        compatibility: { openai_chat: false, anthropic_messages: true },
      },
      listed: { baseurl: 'http://127.0.0.1:9', models: ['gpt-4o-mini'], cost_basis: 'openai' },
      vertex: {
        baseurl: 'http://127.0.0.1:9',
        models: ['only-vertex'],
        compatibility: { openai_chat: false, google_raw_predict: true },
      },
    },
  })
})
afterAll(() => site.gateway.stop())

it('lists what the caller may use, and nothing else', async () => {
  const alice = await (await site.visitor('alice')).read('/ui/models')
  expect(alice).toContain('local-llm')
  expect(alice).not.toContain('only-vertex')
  const owner = await (await site.visitor('owner')).read('/ui/models')
  expect(owner).toContain('only-vertex')
})

it('says prices and context in numbers people can read, exact ones on hover', async () => {
  const owner = await (await site.visitor('owner')).read('/ui/models')
  expect(owner).toMatch(
    /title="USD each: input \$0.00000300, output \$0.00001500">\$3.00 \/ \$15.00</,
  )
  expect(owner).toContain('<data class="num" value="200000" title="200,000">200 k</data>')
  // Of the cloud's own list, where the owner names none.
  expect(owner).toContain('title="USD each: input $0.00000015, output $0.00000060')
})

it('tries each model on a path that it speaks', async () => {
  const owner = await (await site.visitor('owner')).read('/ui/models')
  const path = (model: string) =>
    new RegExp(`data-model="${model}" data-path="([^"]+)"`).exec(owner)?.[1]
  expect(path('local/local-llm')).toBe('/ui/v1/chat/completions')
  expect(path('local/nomic-embed')).toBe('/ui/v1/embeddings')
  expect(path('cloud/big')).toBe('/ui/v1/messages')
  expect(path('vertex/only-vertex')).toBeUndefined()
})

it('shows a hostile name as the text it is', async () => {
  const owner = await (await site.visitor('owner')).read('/ui/models')
  expect(owner).not.toContain('<svg onload')
  expect(owner).not.toContain('<img src=x')
  expect(owner).toContain('&quot;&gt;&lt;svg onload=alert(1)&gt;{{7*7}}&lt;/script&gt;')
  const searched = await (await site.visitor('owner')).read(
    `/ui/models?q=${encodeURIComponent(hostile)}`,
  )
  expect(searched).not.toContain('<svg onload')
})

it('is to be had as a file, in which nothing is a formula', async () => {
  const owner = await site.visitor('owner')
  const response = await owner.get('/ui/models?csv')
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(response.headers.get('content-disposition')).toBe(
    'attachment; filename="postern-models.csv"',
  )
  const [head, first] = (await response.text()).split('\r\n')
  expect(head).toBe('Model,State,Context,$ in / out per M,Spoken at')
  expect(first).toBe('local-llm,,,,/v1/chat/completions')
})
