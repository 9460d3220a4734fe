/** What a check knows; `model` is filled in by the one that lists them. */
export interface Context {
  readonly url: string
  readonly credential: string | undefined
  model: string | undefined
}

export interface Check {
  readonly name: string
  readonly needsCredential: boolean
  /** Resolves to a detail worth showing. @throws Error that says what was expected and what came */
  run(context: Context): Promise<string>
}

/** ms for a model to begin its answer: it may have to be loaded first. */
const patience = 120_000

/** ms of silence after which a whole stream in one piece must have been held back. */
const suspicious = 250

export const checks: readonly Check[] = [
  {
    name: 'the gateway answers',
    needsCredential: false,
    run: async ({ url }) => {
      const response = await ask(`${url}/healthz`)
      const body = await response.text()
      expect(response.status === 200 && body.includes('"ok"'), `/healthz said ${response.status}`)
      return url
    },
  },
  {
    name: 'without credentials: 401',
    needsCredential: false,
    run: async ({ url }) => {
      const { status, headers } = await ask(`${url}/v1/models`)
      expect(
        status === 401,
        `/v1/models said ${status}: it is open to everybody, or not served here`,
      )
      expect(headers.has('www-authenticate'), 'the 401 names no WWW-Authenticate')
      return '401, asks for Basic'
    },
  },
  {
    name: 'forged identity headers are ignored',
    needsCredential: false,
    run: async ({ url }) => {
      for (const headers of forgeries) {
        const { status } = await ask(`${url}/v1/models`, { headers })
        const name = Object.keys(headers).join(' + ')
        expect(status === 401 || status === 400, `${name} got ${status}`)
      }
      return `${forgeries.length} forgeries refused`
    },
  },
  {
    name: 'a wrong password: 401',
    needsCredential: false,
    run: async ({ url }) => {
      const headers = { authorization: `Basic ${btoa('postern-verify:not-a-password')}` }
      const { status } = await ask(`${url}/v1/models`, { headers })
      if (status === 429) return '429: this address has failed too often lately'
      expect(status === 401, `a made-up user got ${status}`)
      return '401'
    },
  },
  {
    name: 'with credentials: 200 and models',
    needsCredential: true,
    run: async (context) => {
      const response = await ask(`${context.url}/v1/models`, { headers: basic(context) })
      expect(response.status === 200, await said(response))
      const { data = [] } = (await response.json()) as { data?: { id: string }[] }
      const names = data.map(({ id }) => id)
      expect(names.length > 0, 'the list is empty: no model is granted, or no provider is up')
      context.model ??= names[0]
      expect(
        names.includes(context.model ?? ''),
        `${context.model} is not among ${names.join(', ')}`,
      )
      return names.length > 3 ? `${names.length} models` : names.join(', ')
    },
  },
  {
    name: 'a chat completion answers',
    needsCredential: true,
    run: async (context) => {
      const response = await chat(context, false)
      expect(response.status === 200, await said(response))
      const answer = (await response.json()) as { choices?: { message?: { content?: string } }[] }
      const text = answer.choices?.[0]?.message?.content
      expect(typeof text === 'string', 'the answer holds no message')
      return JSON.stringify((text ?? '').slice(0, 40))
    },
  },
  {
    name: 'a chat completion streams',
    needsCredential: true,
    run: async (context) => {
      const response = await chat(context, true)
      expect(response.status === 200, await said(response))
      const type = response.headers.get('content-type') ?? ''
      expect(type.startsWith('text/event-stream'), `content-type is ${type}`)
      const { frames, done, pieces, firstMs } = await readFrames(response)
      expect(done, `the stream ended without [DONE] after ${frames} frames`)
      // A model may be so quick that it all fits into one packet; a long wait for one packet is a buffer.
      const held = frames > 2 && pieces === 1 && firstMs > suspicious
      expect(!held, `all ${frames} frames came at once: something on the way holds them back`)
      return `${frames} frames in ${pieces} pieces`
    },
  },
  {
    name: 'the page at / answers',
    needsCredential: false,
    run: async ({ url }) => {
      const response = await ask(`${url}/`, { headers: { accept: 'text/html' } })
      const page = await response.text()
      expect(response.status !== 502, 'Open WebUI is down, or not where webui.url says')
      expect(response.status === 200, `/ said ${response.status}`)
      return /<title>([^<]*)/i.exec(page)?.[1] ?? 'a page without a title'
    },
  },
]

const forgeries: readonly Record<string, string>[] = [
  { 'tailscale-user-login': 'admin@example.com' },
  { tailscale_user_login: 'admin@example.com' },
  { 'x-webauth-user': 'admin@example.com' },
  { 'remote-user': 'admin' },
  { 'x-forwarded-user': 'admin' },
  { 'tailscale-user-login': 'admin@example.com', 'tailscale-funnel-request': '?1' },
]

const expect = (fine: boolean, otherwise: string): void => {
  if (!fine) throw new Error(otherwise)
}

const ask = (url: string, init: RequestInit = {}): Promise<Response> =>
  fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(patience), ...init })

const basic = ({ credential = '' }: Context): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(credential).toString('base64')}`,
})

const chat = (context: Context, stream: boolean): Promise<Response> =>
  ask(`${context.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...basic(context), 'content-type': 'application/json' },
    body: JSON.stringify({
      model: context.model,
      stream,
      max_tokens: 16,
      messages: [{ role: 'user', content: 'Say hello.' }],
    }),
  })

/** Status and the gateway's own words. */
const said = async (response: Response): Promise<string> => {
  if (response.status === 200) return ''
  const text = await response.text()
  const message = /"message":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text.slice(0, 120)
  return `${response.status}: ${message}`
}

interface Stream {
  readonly frames: number
  readonly done: boolean
  /** Pieces in which it came, and ms until the first one. */
  readonly pieces: number
  readonly firstMs: number
}

const readFrames = async (response: Response): Promise<Stream> => {
  const started = performance.now()
  let text = ''
  let pieces = 0
  let firstMs = 0
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    if (pieces++ === 0) firstMs = performance.now() - started
    text += decoder.decode(chunk as Uint8Array, { stream: true })
  }
  const frames = text.split('\n').filter((line) => line.startsWith('data:'))
  return { frames: frames.length, done: frames.at(-1)?.trim() === 'data: [DONE]', pieces, firstMs }
}
