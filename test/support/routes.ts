/**
 * Every route there is, and the status it answers when somebody is proven (alice, role user) and when nobody is.
 * A route without a row here fails test/routes.test.ts.
 */
export interface Answers {
  readonly caller: number
  readonly nobody: number
  /** For a tagged node, where only people are let in. */
  readonly device?: number
  /** A browser session counts here. */
  readonly session?: true
  /** Also by a door that is shut. */
  readonly always?: boolean
  /** For a program on this very machine that shows no credential, or a good one. */
  readonly here?: number
}

const open = (status: number): Answers => ({ caller: status, nobody: status })
const guarded = (status: number): Answers => ({ caller: status, nobody: 401 })
/** What our pages ask, and who else likes. */
const managed = (status: number): Answers => ({ ...guarded(status), session: true })
/** A page: a key or a tagged device is nobody in person. */
const page = (status: number): Answers => ({
  caller: status,
  device: 403,
  nobody: 401,
  session: true,
})
const health: Answers = { ...open(200), always: true }

/** 415: past every guard, stopped by the missing body. */
const json = guarded(415)
const wrongMethod = guarded(405)
const missing = guarded(404)

const posts = [
  '/v1/chat/completions',
  '/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/embeddings',
  '/v1/responses',
  '/v1/responses/input_tokens',
  '/v1/responses/compact',
  '/responses',
  '/codex/responses',
  '/v1/rerank',
  '/v1/moderations',
  '/v1/audio/speech',
  '/v1/audio/transcriptions',
  '/v1/audio/translations',
  '/v1/images/generations',
  '/v1/images/edits',
  '/v1/images/variations',
  '/v1/messages',
  '/v1/messages/count_tokens',
]

const named = [
  ...[
    'generateContent',
    'streamGenerateContent',
    'countTokens',
    'embedContent',
    'batchEmbedContents',
  ].flatMap((method) => [
    ...['/v1', '/v1alpha', '/v1beta', ''].map((version) => `${version}/models/:call{.+:${method}}`),
    ...['v1', 'v1beta1'].map(
      (version) => `/${version}/publishers/google/models/:call{.+:${method}}`,
    ),
  ]),
  ...['generateContent', 'streamGenerateContent', 'countTokens'].flatMap((method) =>
    ['v1', 'v1beta1'].map(
      (version) =>
        `/${version}/projects/:project/locations/:region/publishers/google/models/:call{.+:${method}}`,
    ),
  ),
  ...['rawPredict', 'streamRawPredict'].flatMap((method) =>
    ['v1', 'v1beta1'].map(
      (version) =>
        `/${version}/projects/:project/locations/:region/publishers/anthropic/models/:call{.+:${method}}`,
    ),
  ),
  ...['invoke', 'invoke-with-response-stream', 'converse', 'converse-stream'].map(
    (method) => `/bedrock/model/:call{.+/${method}}`,
  ),
]

/** Ollama's API below a path. */
const ollamaAt = (below: string): Readonly<Record<string, Answers>> =>
  Object.fromEntries([
    ...['tags', 'ps', 'version'].map((name) => [`GET ${below}/${name}`, guarded(200)]),
    ...['show', 'chat', 'generate', 'embed', 'embeddings'].map((name) => [
      `POST ${below}/${name}`,
      // Any type is read, and none of it is there.
      guarded(400),
    ]),
    ...['tags', 'ps', 'version', 'show', 'chat', 'generate', 'embed', 'embeddings'].map((name) => [
      `ALL ${below}/${name}`,
      wrongMethod,
    ]),
  ])

export const routes: Readonly<Record<string, Answers>> = {
  'GET /healthz': health,
  'GET /readyz': health,
  ...Object.fromEntries([...posts, ...named].map((path) => [`POST ${path}`, json])),
  ...Object.fromEntries([...posts, ...named].map((path) => [`ALL ${path}`, wrongMethod])),
  'GET /v1/responses/:id': missing,
  'DELETE /v1/responses/:id': missing,
  'POST /v1/responses/:id/cancel': missing,
  'GET /v1/responses/:id/input_items': missing,
  'ALL /v1/responses/:id': wrongMethod,
  'ALL /v1/responses/:id/cancel': wrongMethod,
  'ALL /v1/responses/:id/input_items': wrongMethod,
  'GET /v1/models': guarded(200),
  'GET /models': guarded(200),
  'GET /v1/models/:model{.+}': missing,
  'GET /models/:model{.+}': missing,
  'ALL /v1/mcp': missing,
  'ALL /v1/mcp/*': missing,
  ...Object.fromEntries(
    ['/v1', '/v1alpha', '/v1beta', '/v1beta1', '/bedrock'].flatMap((path) => [
      [`ALL ${path}`, missing],
      [`ALL ${path}/*`, missing],
    ]),
  ),
  ...Object.fromEntries(
    ['/v1alpha', '/v1beta'].flatMap((version) => [
      [`GET ${version}/models`, guarded(200)],
      [`GET ${version}/models/:model{.+}`, missing],
    ]),
  ),
  'GET /postern/api/me': managed(200),
  'GET /postern/api/openapi.json': managed(200),
  'GET /aperture/openapi.json': managed(200),
  'GET /postern/api/browsers': managed(200),
  'DELETE /postern/api/browsers/:id': managed(404),
  'GET /postern/api/keys': managed(200),
  'POST /postern/api/keys': managed(415),
  'DELETE /postern/api/keys/:id': managed(404),
  // Alice is not an admin.
  'GET /postern/api/bans': managed(403),
  'POST /postern/api/bans': managed(403),
  'DELETE /postern/api/bans/:address{.+}': managed(403),
  'GET /postern/api/can': managed(403),
  'GET /postern/api/doctor': managed(403),
  'GET /postern/api/providers': managed(403),
  'GET /api/providers': managed(403),
  'GET /postern/api/audit': managed(403),
  'GET /postern/api/usage': managed(200),
  'GET /postern/api/usage/top': managed(422),
  'GET /postern/api/usage/series': managed(200),
  'GET /postern/api/usage/people': managed(403),
  'GET /postern/api/requests': managed(200),
  'GET /postern/api/usage.csv': managed(200),
  'GET /postern/api/usage.ndjson': managed(200),
  'GET /postern/api/requests/:id': managed(404),
  'GET /postern/api/requests/:id/capture': managed(404),
  'GET /postern/api/sessions': managed(200),
  'GET /postern/api/config': managed(403),
  'GET /postern/api/config/versions': managed(403),
  'GET /postern/api/config/versions/:id': managed(403),
  'PUT /postern/api/config': managed(403),
  'POST /postern/api/config:validate': managed(403),
  'GET /postern/api/quotas': managed(200),
  'POST /postern/api/quotas/refill': managed(403),
  'GET /api/quotas': managed(200),
  'POST /api/quotas/refill': managed(403),
  'GET /api/connectors': managed(200),
  'PUT /postern/api/mode': managed(403),
  'GET /aperture/config': managed(403),
  'PUT /aperture/config': managed(403),
  'POST /aperture/config:validate': managed(403),
  'GET /aperture/pricing': managed(403),
  'GET /aperture/pricing/:model{.+}': managed(403),
  'GET /metrics': { ...guarded(403), here: 200 },
  'GET /ui/assets/:version/:name': open(404),
  ...Object.fromEntries(
    ['', '/models', '/connect', '/keys', '/requests', '/sessions', '/live'].map((path) => [
      `GET /ui${path}`,
      page(200),
    ]),
  ),
  'GET /ui/requests/:id': page(404),
  'GET /ui/requests/:id/said': page(404),
  ...Object.fromEntries(
    [
      'overview',
      'people',
      'access',
      'quotas',
      'doors',
      'providers',
      'config',
      'audit',
      'doctor',
    ].map((path) => [`GET /ui/${path}`, page(403)]),
  ),
  // Not from a page of ours.
  'POST /ui/v1/chat/completions': page(403),
  'POST /ui/v1/messages': page(403),
  'POST /ui/v1/embeddings': page(403),
  'GET /postern/login': { caller: 303, device: 200, nobody: 200, session: true },
  'POST /postern/login': open(403),
  'GET /postern/logout': open(200),
  'POST /postern/logout': open(403),
  'ALL /postern/*': open(404),
  'ALL /aperture/*': open(404),
  'ALL /metrics': open(404),
  'ALL /api/pull': open(404),
  'ALL /api/push': open(404),
  'ALL /api/create': open(404),
  'ALL /api/copy': open(404),
  'ALL /api/delete': open(404),
  'ALL /api/blobs/*': open(404),
  'ALL /ui': open(404),
  'ALL /ui/*': open(404),
  ...ollamaAt('/ollama/api'),
  // Open WebUI, whose own login is in charge.
  'ALL /*': open(200),
}

/** What is otherwise when there is no Open WebUI. */
export const rootRoutes: Readonly<Record<string, Answers>> = {
  ...ollamaAt('/api'),
  'GET /api/config': managed(403),
  'PUT /api/config': managed(403),
  'GET /ollama': guarded(200),
  'GET /ollama/': guarded(200),
  ...Object.fromEntries(
    ['pull', 'push', 'create', 'copy', 'delete', 'blobs/*'].map((name) => [
      `ALL /ollama/api/${name}`,
      open(404),
    ]),
  ),
  'GET /': open(303),
  'ALL /*': open(404),
}

/** What is otherwise when Open WebUI has no login of its own (`webui.sso`). */
export const peoplesRoutes: Readonly<Record<string, Answers>> = {
  'ALL /*': page(200),
}

/** A request to the route: method, and a path that it alone matches. */
export const sampleOf = (route: string): { readonly method: string; readonly path: string } => {
  const [verb = '', pattern = ''] = route.split(' ')
  return {
    method: verb === 'ALL' ? 'PUT' : verb,
    path: pattern
      .replace(/:model\{.+?\}/, 'nobody-has-it')
      .replace(/:call\{\.\+(.+?)\}/, 'm$1')
      .replace(':address{.+}', '203.0.113.0/24')
      .replace(/:(?:project|region|id|version|name)/g, 'x')
      .replace('*', 'anything'),
  }
}
