import { createServer } from 'node:net'
import { afterAll, afterEach, expect, test } from 'vitest'
import { createTransport } from '../../src/adapter/node/http/transport.ts'
import { discoverServers } from '../../src/gateway/upstream/discover.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type Answers, answersOf, startServer } from './model-servers.ts'

const transport = createTransport()
const { send } = transport
const running: FakeUpstream[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
})
afterAll(() => transport.close())

const start = async (answers: Answers): Promise<FakeUpstream> => {
  const server = await startServer(answers)
  running.push(server)
  return server
}

const find = async (answers: Answers) => {
  const { port } = await start(answers)
  return discoverServers({ send, ports: [port] })
}

test.each([
  ['vllm', answersOf.vllm, ['openai_chat', 'openai_responses', 'anthropic_messages']],
  ['sglang', answersOf.sglang, ['openai_chat', 'anthropic_messages']],
  ['sglang', answersOf.olderSglang, ['openai_chat', 'anthropic_messages']],
  ['llamacpp', answersOf.llamacpp, ['openai_chat', 'openai_responses', 'anthropic_messages']],
  ['lmstudio', answersOf.lmstudio, ['openai_chat', 'openai_responses', 'anthropic_messages']],
  ['lmstudio', answersOf.olderLmstudio, ['openai_chat', 'openai_responses', 'anthropic_messages']],
  ['ollama', answersOf.ollama, ['openai_chat', 'openai_responses', 'anthropic_messages', 'ollama']],
  [
    'ollama',
    answersOf.ollamaWithNamespaceOnly,
    ['openai_chat', 'openai_responses', 'anthropic_messages', 'ollama'],
  ],
])('recognises %s and what it speaks', async (kind, answers: Answers, dialects) => {
  const [server, ...others] = await find(answers)
  expect(others).toEqual([])
  expect(server?.kind).toBe(kind)
  expect([...(server?.dialects ?? [])]).toEqual(dialects)
  expect(server?.baseurl).toBe(`http://127.0.0.1:${server?.port}`)
  expect(server?.models.length).toBeGreaterThan(0)
})

test('tells the context that is in force, not the one a model could have', async () => {
  const [vllm] = await find(answersOf.vllm)
  expect(vllm?.details.get('Qwen/Qwen3.6-35B-A3B-FP8')?.contextLength).toBe(131072)
  const [llama] = await find(answersOf.llamacpp)
  expect(llama?.details.get('smollm2')?.contextLength).toBe(2048)
  const [older] = await find(answersOf.olderLmstudio)
  expect(older?.details.get('a')).toMatchObject({ contextLength: 8192, loaded: true })
  expect(older?.details.get('b')).toMatchObject({ contextLength: 32768, loaded: false })
  const [ollama] = await find(answersOf.ollama)
  expect(ollama?.details.get('llama3:8b')).toMatchObject({ contextLength: 4096, loaded: true })
  expect(ollama?.details.get('hf.co/x/y:Q4')).toMatchObject({ loaded: false })
})

test('knows an LM Studio model by the name it was loaded under', async () => {
  const [server] = await find(answersOf.lmstudio)
  expect(server?.details.get('local-llm')).toMatchObject({ contextLength: 4096, loaded: true })
  expect(server?.details.get('text-embedding-nomic')).toMatchObject({ loaded: false })
})

test('a server without a model is found all the same', async () => {
  const [server] = await find(answersOf.emptyOllama)
  expect(server).toMatchObject({ kind: 'ollama', models: [] })
})

test.each<[string, Answers]>([
  ['nothing but 404', {}],
  ['a page for every path', { '/v1/models': '<!doctype html>', '/api/version': '<!doctype html>' }],
  ['401 everywhere', { '/v1/models': 401, '/api/version': 401 }],
  ['503 while loading', { '/v1/models': 503, '/props': 503 }],
  ['JSON that is not a list', { '/v1/models': { models: ['a'] }, '/version': { version: '1' } }],
  [
    'rows without ids',
    { '/v1/models': { data: [{ name: 'a' }] }, '/api/version': { version: '1' } },
  ],
  ['vLLM’s rows and no vLLM behind them', { '/v1/models': answersOf.vllm['/v1/models'] }],
  [
    'llama.cpp’s rows and other props',
    {
      '/v1/models': answersOf.llamacpp['/v1/models'],
      '/props': { theme: 'dark' },
    },
  ],
  [
    'LM Studio’s rows and another API',
    {
      '/v1/models': answersOf.lmstudio['/v1/models'],
      '/api/v0/models': { data: [{ id: 'a' }] },
    },
  ],
  ['a list like anybody’s and no mark', { '/v1/models': { object: 'list', data: [{ id: 'm' }] } }],
  [
    'a gateway like ours',
    {
      '/v1/models': { object: 'list', data: [{ id: 'm', object: 'model', owned_by: 'postern' }] },
    },
  ],
])('is not taken in by %s', async (_name, answers) => {
  expect(await find(answers)).toEqual([])
})

test('sends no credentials, and the Host that Ollama wants', async () => {
  const server = await start(answersOf.ollama)
  await discoverServers({ send, ports: [server.port] })
  for (const { headers } of server.requests) {
    expect(Object.keys(headers).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'connection',
      'host',
    ])
    expect(headers.host).toBe(`localhost:${server.port}`)
  }
})

test('looks at all ports at once and skips our own', async () => {
  const servers = await Promise.all([
    start(answersOf.vllm),
    start(answersOf.ollama),
    start(answersOf.sglang),
  ])
  const [vllm, ollama, own] = servers.map(({ port }) => port) as [number, number, number]
  const found = await discoverServers({ send, ports: [vllm, ollama, own], skipPorts: [own] })
  expect(found.map(({ kind, port }) => [kind, port])).toEqual([
    ['vllm', vllm],
    ['ollama', ollama],
  ])
  expect(servers[2]?.requests).toEqual([])
})

test('a port that takes connections and never answers costs one timeout', async () => {
  const mute = await startUpstream(() => true)
  running.push(mute)
  const other = await start(answersOf.vllm)
  const started = performance.now()
  const found = await discoverServers({ send, ports: [mute.port, other.port], timeoutMs: 200 })
  expect(performance.now() - started).toBeLessThan(600)
  expect(found.map(({ kind }) => kind)).toEqual(['vllm'])
  await mute.closed()
})

test('a port that speaks another protocol is nobody', async () => {
  const server = createServer((socket) =>
    socket
      .on('error', () => {})
      .resume()
      .end('SSH-2.0-x\r\n'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  expect(await discoverServers({ send, ports: [port] })).toEqual([])
  await new Promise((resolve) => server.close(resolve))
})

test('an endless answer is cut off', async () => {
  const endless = await startUpstream(({ response, upstream }) => {
    response.writeHead(200)
    const more = () => {
      do upstream.sent += 65_536
      while (response.write(' '.repeat(65_536)))
    }
    response.on('drain', more)
    more()
    return true
  })
  running.push(endless)
  expect(await discoverServers({ send, ports: [endless.port], timeoutMs: 10_000 })).toEqual([])
  await endless.closed()
  expect(endless.sent).toBeLessThan(40_000_000)
})

test('finds a server that listens on [::1] only, and one that listens on both once', async () => {
  const six = await startServer(answersOf.ollama, '::1')
  running.push(six)
  const [found, ...others] = await discoverServers({ send, ports: [six.port] })
  expect(others).toEqual([])
  expect(found).toMatchObject({ kind: 'ollama', baseurl: `http://[::1]:${six.port}` })
  const both = await startServer(answersOf.ollama, '::')
  running.push(both)
  const servers = await discoverServers({ send, ports: [both.port] })
  expect(servers.map(({ baseurl }) => baseurl)).toEqual([`http://127.0.0.1:${both.port}`])
})
