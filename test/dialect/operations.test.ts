import fc from 'fast-check'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { addressOf, type Operation, operations } from '../../src/gateway/dialect/operations.ts'
import { canonicalTarget } from '../../src/gateway/http/target.ts'
import { joinBase } from '../../src/gateway/upstream/join.ts'
import type { Provider } from '../../src/platform/upstream.ts'
import { provider } from '../upstream/provider.ts'

/** The operation that a path leads to, by the router that the gateway has. */
const operationAt = (path: string): Operation | undefined => {
  const app = new Hono()
  let found: Operation | undefined
  for (const operation of operations) {
    for (const pattern of operation.paths) {
      app.post(pattern, (c) => {
        found = operation
        return c.text('')
      })
    }
  }
  app.request(`http://h${path}`, { method: 'POST' })
  return found
}

const account = { email: 'e', projectId: 'our-project', privateKey: '', tokenUri: '' }
const google = (more: Partial<Provider> = {}) =>
  provider('g', ['m'], { baseurl: 'https://europe-west1-aiplatform.googleapis.com', ...more })

/** Model and upstream path for a request at `path`. */
const lead = (path: string, to: Provider, model?: string) => {
  const operation = operationAt(path)
  const { target } = canonicalTarget(path)
  if (!operation || !target) return undefined
  const { model: asked, parts } = operation.named?.read(target.path) ?? { model: 'm', parts: {} }
  const { operation: name, version } = addressOf(operation, parts, to, model ?? asked)
  return [operation.dialect, asked, joinBase(to.baseurl, name, version).path]
}

const auto =
  '/v1/projects/_aperture_auto_vertex_project_id_/locations/_aperture_auto_vertex_region_'

describe('a path that names the model', () => {
  it.each([
    [
      '/v1beta/models/gemini-3-pro:generateContent',
      'gemini_generate_content',
      'gemini-3-pro',
      '/v1beta/models/gemini-3-pro:generateContent',
    ],
    [
      '/v1beta/models/tuned/mine:7b:streamGenerateContent',
      'gemini_generate_content',
      'tuned/mine:7b',
      '/v1beta/models/tuned%2Fmine%3A7b:streamGenerateContent',
    ],
    [
      '/v1/publishers/google/models/g:countTokens',
      'gemini_generate_content',
      'g',
      '/v1beta/models/g:countTokens',
    ],
    [
      '/v1/projects/p-1/locations/us-east5/publishers/anthropic/models/claude-x@20250514:streamRawPredict',
      'google_raw_predict',
      'claude-x@20250514',
      '/v1/projects/p-1/locations/us-east5/publishers/anthropic/models/claude-x%4020250514:streamRawPredict',
    ],
    [
      '/v1beta1/projects/p/locations/global/publishers/google/models/g:generateContent',
      'google_generate_content',
      'g',
      '/v1beta1/projects/p/locations/global/publishers/google/models/g:generateContent',
    ],
  ])('%s', (path, dialect, model, upstream) => {
    expect(lead(path, google())).toEqual([dialect, model, upstream])
  })

  it.each([
    ['anthropic.claude-v2%3A1/invoke', 'bedrock_model_invoke', 'anthropic.claude-v2:1'],
    [
      'anthropic.claude-v2:1/invoke-with-response-stream',
      'bedrock_model_invoke',
      'anthropic.claude-v2:1',
    ],
    ['eu.x.y/converse', 'bedrock_converse', 'eu.x.y'],
    ['inference-profile/eu.x/converse-stream', 'bedrock_converse', 'inference-profile/eu.x'],
  ])('/bedrock/model/%s goes to Amazon without prefix and version', (rest, dialect, model) => {
    const amazon = provider('b', [], {
      baseurl: 'https://bedrock-runtime.eu-west-1.amazonaws.com/',
    })
    const method = rest.slice(rest.lastIndexOf('/') + 1)
    expect(lead(`/bedrock/model/${rest}`, amazon)).toEqual([
      dialect,
      model,
      `/model/${encodeURIComponent(model)}/${method}`,
    ])
  })

  it('is decoded once', () => {
    expect(lead('/v1beta/models/a%20b:generateContent', google())?.[1]).toBe('a b')
    expect(canonicalTarget('/v1beta/models/a%2520b:generateContent').failure).toBeDefined()
    expect(lead('/v1beta/models/a%2fb:generateContent', google())?.[1]).toBe('a/b')
  })

  it.each(['%ff', '%e2%80%8b%80', '%20', 'x/%2e%2e/y'])('cannot hold %s', (model) => {
    const path = `/v1beta/models/${model}:generateContent`
    expect(() => operationAt(path)?.named?.read(path)).toThrow(/model/)
  })

  it.each([
    '/v1beta/models/g:predict',
    '/v1beta/models/:generateContent',
    '/v1beta/models/g',
    '/bedrock/model//invoke',
    '/bedrock/model/x/delete',
    '/v1/projects/p/locations/l/publishers/meta/models/m:rawPredict',
    '/v1/projects/p/locations/l/publishers/google/models/m:rawPredict',
    '/v1/v1/messages',
    '/v1/codex/responses',
  ])('%s leads nowhere', (path) => {
    expect(operationAt(path)).toBeUndefined()
  })

  it('stays one segment at the provider, whatever the id', () => {
    const named = operations.filter((operation) => operation.named)
    fc.assert(
      fc.property(fc.constantFrom(...named), fc.string({ minLength: 1 }), (operation, model) => {
        const parts = { version: 'v1', project: 'p', region: 'r' }
        const { operation: path } = addressOf(operation, parts, google(), model)
        expect(path).not.toMatch(/[?#\\\s]/)
        expect(decodeURIComponent(path)).toContain(model)
        const plain = addressOf(operation, parts, google(), 'm').operation
        expect(path.split('/')).toHaveLength(plain.split('/').length)
      }),
    )
  })
})

describe('the words that clients write for Vertex', () => {
  const path = `${auto}/publishers/google/models/g:generateContent`
  const model = 'publishers/google/models/g:generateContent'

  it('become the project of the key file and the region of the base URL', () => {
    expect(lead(path, google({ serviceAccount: account }))?.[2]).toBe(
      `/v1/projects/our-project/locations/europe-west1/${model}`,
    )
  })

  it.each([
    ['https://aiplatform.googleapis.com', 'global'],
    ['https://aiplatform.eu.rep.googleapis.com/v1', 'eu'],
    ['https://us-central1-aiplatform.googleapis.com/', 'us-central1'],
    ['http://127.0.0.1:9', 'global'],
  ])('%s is in %s', (baseurl, region) => {
    const to = google({ baseurl, serviceAccount: account })
    expect(lead(path, to)?.[2]).toBe(`/v1/projects/our-project/locations/${region}/${model}`)
  })

  it('are left out for an express key, which has a project of its own', () => {
    expect(lead(path, google({ authorization: 'x-goog-api-key' }))?.[2]).toBe(`/v1/${model}`)
  })

  it('stand behind Gemini’s own paths where the provider is Vertex', () => {
    const to = google({ geminiByVertex: true, serviceAccount: account })
    const full = `/v1beta1/projects/our-project/locations/europe-west1/${model}`
    expect(lead('/v1beta/models/g:generateContent', to)?.[2]).toBe(full)
    expect(lead('/v1beta1/publishers/google/models/g:generateContent', to)?.[2]).toBe(full)
  })
})

describe('any ingress path at any base', () => {
  const samples = operations
    .filter(({ dialect }) => dialect !== 'ollama')
    .flatMap(({ paths }) =>
      paths.map((path) =>
        path.replace(/:call\{\.\+(.+?)\}/, 'm$1').replace(/:(?:project|region)/g, 'x'),
      ),
    )
  const bases = [
    '',
    '/v1',
    '/v4',
    '/v1beta',
    '/api',
    '/api/v1',
    '/api/coding/paas/v4',
    '/openai/v1',
  ]
  const slashes = ['', '/', '//']

  it('leads to one path, with one version or none', () => {
    for (const path of samples) {
      for (const base of bases) {
        const [first, ...others] = slashes.map(
          (slash) =>
            lead(path, provider('p', [], { baseurl: `http://h:8000${base}${slash}` }))?.[2],
        )
        expect(first?.startsWith(`${base}/`), `${path} at ${base}: ${first}`).toBe(true)
        expect(new Set(others), `${path} at ${base}`).toEqual(new Set([first]))
        expect(first?.match(/\/v\d+(?:alpha|beta\d*)?(?=\/)/g)?.length ?? 0).toBeLessThanOrEqual(1)
        expect(first).not.toMatch(/\/\//)
      }
    }
  })

  it('of Ollama’s own leads to the root of the server, whatever version its base ends in', () => {
    for (const base of ['', '/', '/v1', '/v1/', '/llm', '/llm/v1/']) {
      const to = provider('p', [], { baseurl: `http://h${base}` })
      const root = base.startsWith('/llm') ? '/llm' : ''
      expect(lead('/ollama/api/chat', to)?.[2]).toBe(`${root}/api/chat`)
    }
  })

  it('is the same path, with `/v1` or without', () => {
    for (const [canonical = '', ...spellings] of operations
      .filter(({ named }) => !named)
      .map(({ paths }) => paths)) {
      for (const spelling of spellings) {
        for (const base of bases) {
          const to = provider('p', [], { baseurl: `http://h${base}` })
          expect(lead(spelling, to)).toEqual(lead(canonical, to))
        }
      }
    }
  })
})
