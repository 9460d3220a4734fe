import { afterAll, beforeAll } from 'vitest'
import { type FakeUpstream, type Script, startUpstream } from './fake-upstream.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'
import { models } from './setup-models.ts'

export interface Together {
  readonly gateway: TestGateway
  readonly upstream: FakeUpstream
  readonly url: string
  readonly port: number
}

export interface TogetherOptions {
  readonly config?: { readonly [key: string]: unknown }
  readonly script?: Script
  readonly provider?: { readonly [key: string]: unknown }
}

export const providerKey = 'sk-provider-canary-0123456789'

/** A gateway in front of a fake upstream for a whole test file; alice may use every model of it. */
export const together = (options: TogetherOptions = {}): Together => {
  let gateway: TestGateway | undefined
  let upstream: FakeUpstream | undefined
  beforeAll(async () => {
    upstream = await startUpstream(options.script ?? {})
    const local = {
      baseurl: upstream.url,
      models: [...models, ...Object.keys(options.script?.byModel ?? {})],
      apikey: providerKey,
      compatibility: { openai_chat: true, openai_responses: true, anthropic_messages: true },
      ...options.provider,
    }
    gateway = await startTestGateway({ providers: { local }, ...options.config })
  })
  afterAll(async () => {
    await gateway?.stop()
    await upstream?.stop()
  })
  return {
    get gateway() {
      if (!gateway) throw new Error('not started')
      return gateway
    },
    get upstream() {
      if (!upstream) throw new Error('not started')
      return upstream
    },
    get url() {
      return this.gateway.url
    },
    get port() {
      return this.gateway.port
    },
  }
}

export const aliceHeaders = {
  authorization: `Basic ${btoa('alice:alice-password')}`,
  'content-type': 'application/json',
}

/** A chat completion as alice, or as the headers say. */
export const chat = (
  url: string,
  body: object,
  init: RequestInit & { path?: string } = {},
): Promise<Response> =>
  fetch(`${url}${init.path ?? '/v1/chat/completions'}`, {
    method: 'POST',
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
    ...init,
    headers: { ...aliceHeaders, ...(init.headers as Record<string, string> | undefined) },
  })
