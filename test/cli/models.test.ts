import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { modelsCommand } from '../../src/cli/models/models.ts'
import { dialects } from '../support/fake-dialects.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { answersOf, startServer } from '../upstream/model-servers.ts'
import { runCommand } from './run.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-models-'))
afterAll(() => rmSync(folder, { recursive: true }))
const running: FakeUpstream[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

const upstream = async (...args: Parameters<typeof startUpstream>) => {
  const started = await startUpstream(...args)
  running.push(started)
  return started
}

const run = (providers: object, ...args: string[]) => {
  const path = join(folder, 'postern.hujson')
  writeFileSync(path, JSON.stringify({ providers }), { mode: 0o600 })
  return runCommand(modelsCommand(), ...args, '--config', path)
}

test('lists what is served by whom', async () => {
  const vllm = await startServer(answersOf.vllm)
  running.push(vllm)
  const { code, out } = await run({
    gpu: { baseurl: vllm.url },
    old: { baseurl: 'http://127.0.0.1:9', models: ['m'], disabled: true },
  })
  expect(code).toBe(0)
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ['MODEL', 'PROVIDER', 'SERVER', 'CONTEXT', 'LOADED'],
    ['Qwen/Qwen3.6-35B-A3B-FP8', 'gpu', 'vllm', '131072', '-'],
    ['m', 'old (disabled)', '-', '-', '-'],
  ])
})

test('prints the list as JSON', async () => {
  const fake = await upstream({ models: ['m'] })
  const { out } = await run({ a: { baseurl: fake.url } }, '--json')
  expect(JSON.parse(out)).toEqual([
    {
      model: 'm',
      provider: 'a',
      disabled: false,
      server: null,
      context_length: null,
      loaded: null,
    },
  ])
})

test('says whose models are unknown', async () => {
  const { err } = await run({ a: { baseurl: 'http://127.0.0.1:9' } })
  expect(err).toBe('a does not say which models it has\n')
})

test('tests each model in its provider’s dialect: a check, or a cross with the cause', async () => {
  const fake = await upstream()
  const claude = await upstream()
  const { code, out } = await run(
    {
      a: { baseurl: fake.url, models: ['good', 'nomic-embed', 'html', 'empty'] },
      claude: {
        baseurl: claude.url,
        models: ['c'],
        compatibility: { openai_chat: false, anthropic_messages: true },
      },
      gone: { baseurl: 'http://127.0.0.1:9', models: ['m'] },
    },
    'test',
  )
  expect(code).toBe(1)
  const plain = out.trimEnd().split('\n')
  expect(plain).toEqual([
    expect.stringMatching(/✔.* a\/good {2}\d+ ms$/),
    expect.stringMatching(/✔.* a\/nomic-embed {2}\d+ ms$/),
    expect.stringMatching(/✘.* a\/html {2}\d+ ms {2}an answer without choices$/),
    expect.stringMatching(/✘.* a\/empty {2}\d+ ms {2}an empty answer$/),
    expect.stringMatching(/✔.* claude\/c {2}\d+ ms$/),
    expect.stringMatching(/✘.* gone\/m {2}\d+ ms {2}.*ECONNREFUSED/),
  ])
  expect(claude.requests.map(({ path }) => path)).toContain('/v1/messages')
})

test('exits 0 when all answer, and tests one by either of its names', async () => {
  const fake = await upstream()
  const providers = { a: { baseurl: fake.url, models: ['x/y', 'silent'] } }
  for (const name of ['x/y', 'a/x/y']) {
    expect(await run(providers, 'test', name, '--json')).toMatchObject({ code: 0 })
  }
  const { out } = await run(providers, 'test', 'x/y', '--json')
  expect(JSON.parse(out)).toMatchObject([{ model: 'x/y', provider: 'a', ok: true }])
  expect((await run(providers, 'test', 'nobody')).failure).toBe('no provider lists nobody')
})

test('tries Gemini in its own dialect, and says of which it cannot', async () => {
  const fake = await upstream(dialects)
  const { code, out } = await run(
    {
      g: {
        baseurl: fake.url,
        models: ['gemini-3-pro'],
        apikey: 'AIza-1',
        authorization: 'x-goog-api-key',
        compatibility: { gemini_generate_content: true },
      },
      b: { baseurl: fake.url, models: ['b'], compatibility: { bedrock_converse: true } },
    },
    'test',
  )
  expect(code).toBe(1)
  expect(out).toMatch(/✔.* g\/gemini-3-pro/)
  expect(out).toMatch(/✘.* b\/b {2}\d+ ms {2}its dialects cannot be tried from here/)
  const asked = fake.requests.filter(({ method }) => method === 'POST')
  expect(asked.map(({ path, headers }) => [path, headers['x-goog-api-key']])).toEqual([
    ['/v1beta/models/gemini-3-pro:generateContent', 'AIza-1'],
  ])
})

test('never prints a provider’s key, even when the provider does', async () => {
  const fake = await upstream()
  const { out } = await run(
    { a: { baseurl: fake.url, apikey: 'sk-canary', models: ['echo-key'] } },
    'test',
  )
  expect(out).toMatch(/status 401: Incorrect API key provided: \*\*\*\./)
  expect(out).not.toMatch(/sk-canary/)
})

test('does not load what is not in memory unless it is named', async () => {
  const lmstudio = await startServer(answersOf.olderLmstudio)
  running.push(lmstudio)
  await run({ a: { baseurl: lmstudio.url } }, 'test', '--json')
  const asked = lmstudio.requests.filter(({ method }) => method === 'POST')
  expect(asked.map(({ body }) => JSON.parse(body).model)).toEqual(['a'])
})

test('does not go through a list of hundreds', async () => {
  const fake = await upstream({ models: Array.from({ length: 300 }, (_, i) => `m${i}`) })
  const { failure } = await run({ a: { baseurl: fake.url } }, 'test')
  expect(failure).toBe('there are 300 models: name one of them')
})

test('a configuration that cannot be used is named', async () => {
  expect((await run({ a: { baseurl: 'ftp://x' } })).failure).toMatch(
    /postern\.hujson:1:\d+: error: providers\.a\.baseurl/,
  )
})
