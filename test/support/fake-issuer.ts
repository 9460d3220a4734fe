import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestSigner } from './keys.ts'

/** An OpenID provider, as far as a resource server sees one. */
export interface FakeIssuer {
  readonly url: string
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  /** What it publishes from now on. */
  publish(...signers: readonly TestSigner[]): void
  /** What it answers instead, on every path; undefined: what is right. */
  answer(instead: FakeAnswer | undefined): void
  stop(): Promise<void>
}

export interface FakeAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Nothing is answered at all. */
  readonly silent?: boolean
}

export const startIssuer = async (...signers: readonly TestSigner[]): Promise<FakeIssuer> => {
  let published = signers
  let instead: FakeAnswer | undefined
  const asked: string[] = []
  const documents = (path: string): unknown =>
    path === '/jwks'
      ? { keys: published.map(({ jwk, kid }) => ({ ...jwk, kid, use: 'sig' })) }
      : { issuer: url, jwks_uri: `${url}/jwks` }
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    if (instead?.silent) return
    const known = path === '/jwks' || path === '/.well-known/openid-configuration'
    response.writeHead(instead?.status ?? (known ? 200 : 404), instead?.headers)
    response.end(instead?.body ?? JSON.stringify(documents(path)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    asked,
    publish: (...next) => {
      published = next
    },
    answer: (next) => {
      instead = next
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
