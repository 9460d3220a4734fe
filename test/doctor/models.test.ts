import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkModels } from '../../src/admin/doctor/checks/models.ts'
import { type Send, UpstreamError } from '../../src/platform/upstream.ts'
import { selfSigned } from '../adapter/self-signed.ts'
import { type Behaviour, startUpstream } from '../support/fake-upstream.ts'
import { freePort } from '../support/parts/port.ts'
import { answersOf, startServer } from '../upstream/model-servers.ts'
import { complaints, given, type Patient } from './patient.ts'

/** One provider, `gpu`, and the rest of the patient. */
const patient = (provider: object, rest: Patient = {}): Patient => ({
  ...rest,
  config: { providers: { gpu: provider }, ...rest.config },
})
const said = (provider: object, rest?: Patient) => complaints(checkModels, patient(provider, rest))
const only = async (provider: object, rest?: Patient) => {
  const [finding] = await checkModels(given(patient(provider, rest)))
  return finding
}

const serving = async (answers: Parameters<typeof startServer>[0]) => {
  const server = await startServer(answers)
  onTestFinished(() => server.stop())
  return server
}
/** A server that answers everything in one way. */
const answering = async (behaviour: Behaviour) => {
  const server = await startUpstream(async (exchange) => {
    await behaviour(exchange)
    return true
  })
  onTestFinished(() => server.stop())
  return server
}
const status =
  (code: number, body = '{}', headers = {}): Behaviour =>
  ({ response }) =>
    void response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(body)

const list = (...ids: string[]) => ({ object: 'list', data: ids.map((id) => ({ id })) })

/** A transport on which nothing gets through, for what no test can make of loopback. */
const failing =
  (code: string): Send =>
  (_request, sink) => {
    const cause = Object.assign(new Error(code), { code })
    queueMicrotask(() => sink.error(new UpstreamError('connect', code, { cause })))
    return { pause() {}, resume() {}, abort() {} }
  }

/** Listens and does what the test says with each connection. */
const bare = async (server: ReturnType<typeof createServer>) => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

describe('a provider that is not reached', () => {
  it('is refused where nobody listens, with the command for the server of that port', async () => {
    const port = await freePort()
    expect(await said({ baseurl: `http://127.0.0.1:${port}` })).toEqual([
      'error models.refused gpu',
    ])
    const send = failing('ECONNREFUSED')
    expect((await only({ baseurl: 'http://127.0.0.1:1234' }, { send }))?.remedy).toContain(
      'lms server start',
    )
    expect((await only({ baseurl: 'http://10.0.0.7:11434' }, { send }))?.remedy).toMatch(
      /ollama serve.* on that machine, and let it listen there/,
    )
  })

  it('is told of loopback when the gateway runs in a container', async () => {
    const port = await freePort()
    const facts = { container: true }
    expect(await said({ baseurl: `http://127.0.0.1:${port}` }, { facts })).toEqual([
      'error models.in_container gpu',
    ])
  })

  it.each([
    ['host.docker.internal', 'ENOTFOUND', 'docker_host_unknown'],
    ['host.docker.internal', 'ECONNREFUSED', 'docker_host_refused'],
    ['gpu.tail1234.ts.net', 'EAI_AGAIN', 'name_unknown'],
    ['10.0.0.7', 'EHOSTUNREACH', 'unreachable'],
    ['10.0.0.7', 'UND_ERR_CONNECT_TIMEOUT', 'unreachable'],
    ['10.0.0.7', 'CERT_HAS_EXPIRED', 'untrusted'],
  ])('at %s with %s is %s', async (host, code, id) => {
    const send = failing(code)
    expect(await said({ baseurl: `http://${host}:8000` }, { send })).toEqual([
      `error models.${id} gpu`,
    ])
  })

  it('has a name that DNS does not know', async () => {
    expect(await said({ baseurl: 'http://nobody.invalid:8000' })).toEqual([
      'error models.name_unknown gpu',
    ])
  })

  it('has a certificate of its own making', async () => {
    const server = createTlsServer(selfSigned, (socket) => socket.on('error', () => {}).end())
    const port = await bare(server)
    const finding = await only({ baseurl: `https://127.0.0.1:${port}` })
    expect(finding).toMatchObject({ id: 'models.untrusted' })
    expect(finding?.says).toContain('SELF_SIGNED')
  })

  it('speaks no TLS where https is configured', async () => {
    const { port } = await answering(status(200))
    expect(await said({ baseurl: `https://127.0.0.1:${port}` })).toEqual([
      'error models.no_tls gpu',
    ])
  })

  it('speaks something else than HTTP, or HTTP over TLS only', async () => {
    const ssh = await bare(
      createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n')),
    )
    expect(await said({ baseurl: `http://127.0.0.1:${ssh}` })).toEqual([
      'error models.not_http gpu',
    ])
    const nginx = await answering(
      status(400, 'The plain HTTP request was sent to HTTPS port', { 'content-type': 'text/html' }),
    )
    expect(await said({ baseurl: nginx.url })).toEqual(['error models.not_http gpu'])
  })

  it('hangs up in the middle', async () => {
    const port = await bare(createServer((socket) => void socket.once('data', () => socket.end())))
    expect(await said({ baseurl: `http://127.0.0.1:${port}` })).toEqual(['error models.lost gpu'])
  })

  it('says nothing in time, and is told from one to which no packet gets', async () => {
    const server = await answering(() => {})
    const started = performance.now()
    expect(await said({ baseurl: server.url })).toEqual(['error models.silent gpu'])
    expect(performance.now() - started).toBeLessThan(4000)
    const connects = async () => false
    expect(await said({ baseurl: server.url }, { machine: { connects } })).toEqual([
      'error models.unreachable gpu',
    ])
  })

  it('takes nothing away from what is known of the others', async () => {
    const slow = await answering(() => {})
    const good = await serving({ '/v1/models': list('a') })
    const providers = { slow: { baseurl: slow.url }, good: { baseurl: good.url } }
    const findings = await checkModels(given({ config: { providers } }))
    expect(findings.map(({ id, about }) => `${id} ${about}`)).toEqual([
      'models.silent slow',
      'models.fine good',
    ])
  })
})

describe('a provider that answers', () => {
  it.each([
    [401, 'key_refused'],
    [403, 'key_refused'],
    [302, 'redirected'],
    [429, 'limited', 'warning'],
    [503, 'loading', 'warning'],
    [500, 'failing'],
    [418, 'failing'],
  ])('%i is models.%s', async (code, id, severity = 'error') => {
    const { url } = await answering(status(code))
    expect(await said({ baseurl: url, apikey: 'sk-secret-key' })).toEqual([
      `${severity} models.${id} gpu`,
    ])
  })

  it('wants a key, and none is configured', async () => {
    const { url } = await answering(status(401))
    expect(await said({ baseurl: url })).toEqual(['error models.key_missing gpu'])
  })

  it('says 400 to a key that it does not know, as Google does', async () => {
    const { url } = await answering(
      status(400, '{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}'),
    )
    expect(await said({ baseurl: url, apikey: 'sk-secret-key' })).toEqual([
      'error models.key_refused gpu',
    ])
  })

  it('never gets its key, or what it says of it, into a finding', async () => {
    const { url } = await answering(status(500, 'your key sk-secret-key is bad'))
    const finding = await only({ baseurl: url, apikey: 'sk-secret-key' })
    expect(JSON.stringify(finding)).not.toContain('sk-secret')
  })

  it('has its list elsewhere: the base URL is named that works', async () => {
    const { url } = await serving({ '/api/v1/models': list('a') })
    expect(await only({ baseurl: url })).toMatchObject({
      id: 'models.wrong_path',
      severity: 'error',
      remedy: expect.stringContaining(`Write ${url}/api/v1 in "baseurl"`),
    })
  })

  it('has its list nowhere', async () => {
    const { url } = await serving({})
    expect((await only({ baseurl: `${url}/llm` }))?.says).toContain(`${url}/llm/v1/models`)
  })

  it('answers with a web page, or with other JSON', async () => {
    const page = await serving({ '/v1/models': '<!doctype html><title>Router</title>' })
    expect(await said({ baseurl: page.url })).toEqual(['error models.web_page gpu'])
    const other = await serving({ '/v1/models': { hello: 'world' } })
    expect(await said({ baseurl: other.url })).toEqual(['error models.not_a_list gpu'])
  })

  it('has no model', async () => {
    const { url } = await serving(answersOf.emptyOllama)
    expect(await said({ baseurl: url })).toEqual(['error models.empty gpu'])
  })

  it('does not list what is configured: the nearest name is proposed', async () => {
    const { url } = await serving(answersOf.vllm)
    const models = ['Qwen/Qwen3.6-35B-A3B-FP', 'Qwen/Qwen3.6-35B-A3B-FP8']
    const findings = (await checkModels(given(patient({ baseurl: url, models })))).map((it) => it)
    expect(findings).toMatchObject([
      {
        id: 'models.not_listed',
        severity: 'error',
        says: expect.stringContaining('"Qwen/Qwen3.6-35B-A3B-FP"'),
        remedy: expect.stringContaining('Did you mean "Qwen/Qwen3.6-35B-A3B-FP8"?'),
      },
    ])
  })

  it('knows the last part of a name, and a name without its tag', async () => {
    const vllm = await serving(answersOf.vllm)
    const short = await only({ baseurl: vllm.url, models: ['Qwen3.6-35B-A3B-FP8'] })
    expect(short?.remedy).toContain('Qwen/Qwen3.6-35B-A3B-FP8')
    const ollama = await serving({
      ...answersOf.ollama,
      '/v1/models': { object: 'list', data: [{ id: 'llama3:latest', owned_by: 'library' }] },
      '/api/ps': { models: [{ name: 'llama3:latest' }] },
      '/api/version': { version: '0.33.0' },
    })
    expect(await said({ baseurl: ollama.url, models: ['llama3'] })).toEqual([])
  })

  it('is only warned of where a cloud keeps names to itself', async () => {
    const { url } = await serving({ '/v1/models': list('gpt-5') })
    const far: Send = (request, sink) => {
      const { send } = given({})
      return send({ ...request, origin: url }, sink)
    }
    const baseurl = 'https://api.openai.example/v1'
    expect(await said({ baseurl, models: ['gpt-latest'] }, { send: far })).toEqual([
      'warning models.not_listed gpu',
    ])
  })

  it('has nothing in memory', async () => {
    const { url } = await serving({
      ...answersOf.lmstudio,
      '/v1/models': {
        object: 'list',
        data: [{ id: 'text-embedding-nomic', owned_by: 'organization_owner' }],
      },
    })
    const finding = await only({ baseurl: url })
    expect(finding).toMatchObject({ id: 'models.none_loaded', severity: 'warning' })
    expect(finding?.remedy).toContain('lms load')
  })

  it('is an Ollama that is old, and runs on the processor', async () => {
    const { url } = await serving({
      ...answersOf.ollama,
      '/api/version': { version: '0.13.3' },
      '/api/ps': { models: [{ name: 'llama3:8b', size: 8_000, size_vram: 2_000 }] },
    })
    const findings = await checkModels(given(patient({ baseurl: url })))
    expect(findings).toMatchObject([
      { id: 'models.ollama_old', severity: 'warning' },
      { id: 'models.on_processor', says: expect.stringContaining('llama3:8b runs with 25 %') },
    ])
  })

  it('can be reached from the network past the gateway', async () => {
    const { url, port } = await serving({ '/v1/models': list('a') })
    const facts = {
      addresses: [
        { interface: 'eth0', address: '192.168.1.5' },
        { interface: 'eth1', address: '192.168.9.5' },
        { interface: 'docker0', address: '172.17.0.1' },
      ],
    }
    const connects = async (host: string) => host !== '192.168.9.5'
    const open = { facts, machine: { connects } }
    const [finding] = await checkModels(given(patient({ baseurl: url }, open)))
    expect(finding).toMatchObject({ id: 'models.exposed', severity: 'warning' })
    expect(finding?.says).toMatch(new RegExp(`port ${port} .* at 192\\.168\\.1\\.5, without a key`))
    expect(await said({ baseurl: url, apikey: 'sk-secret-key' }, open)).toEqual([])
  })

  it('is fine when it lists what is configured', async () => {
    const { url, requests } = await serving(answersOf.vllm)
    const models = ['Qwen/Qwen3.6-35B-A3B-FP8']
    expect(await said({ baseurl: `${url}/v1/`, models, apikey: 'sk-secret-key' })).toEqual([])
    expect(requests[0]).toMatchObject({
      path: '/v1/models',
      headers: { authorization: 'Bearer sk-secret-key' },
    })
  })

  it('is knocked at without a key where it has no list', async () => {
    const { url, requests } = await serving({})
    const compatibility = { openai_chat: false, bedrock_converse: true }
    expect(await said({ baseurl: url, apikey: 'sk-secret-key', compatibility })).toEqual([])
    expect(requests).toMatchObject([{ path: '/' }])
    expect(requests[0]?.headers.authorization).toBeUndefined()
  })
})

describe('providers together', () => {
  it('are none: the demo answers', async () => {
    expect(await complaints(checkModels, { config: { providers: {} } })).toEqual([
      'warning models.none_found providers',
    ])
  })

  it('are all disabled', async () => {
    expect(await said({ baseurl: 'http://127.0.0.1:9', disabled: true })).toEqual([
      'error models.all_disabled providers',
    ])
  })
})
