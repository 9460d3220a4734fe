import type { Context, MiddlewareHandler } from 'hono'
import type { Auth, Client, Env } from '../http/env.ts'
import type { Caller } from './caller.ts'
import { type Credential, readCredential } from './credentials.ts'
import type { PasswordScheme } from './schemes/password.ts'
import type { TailnetScheme } from './schemes/tailnet.ts'

export interface AuthenticateOptions {
  readonly passwords: PasswordScheme
  /** Absent: nobody is believed for where they come from. */
  readonly tailnet?: TailnetScheme | undefined
  /** A grant names `(loopback)`: a request without any credential from this very machine has a caller. */
  readonly loopback: boolean
}

/**
 * Finds out who the caller is and sets `auth`; always runs, never answers. A credential that is present but bad never
 * falls through to a weaker proof, such as being on loopback.
 */
export const authenticate = (options: AuthenticateOptions): MiddlewareHandler<Env> => {
  return async function authenticate(c, next) {
    c.set('auth', await identify(c, options))
    await next()
  }
}

/**
 * Tells, without a hash, whether a request carries a credential that was found right a moment ago for this very
 * client. For the ban check, which comes first: who shares an address with a guesser is not shut out with them
 * (hazards 153).
 */
export const hasCachedCredential = (passwords: PasswordScheme) => {
  return async function hasCachedCredential(c: Context<Env>): Promise<boolean> {
    const offered = credentialOf(c)
    return offered.kind === 'password' && passwords.isProven(offered, c.var.client)
  }
}

const identify = (c: Context<Env>, options: AuthenticateOptions): Auth | Promise<Auth> => {
  const { client } = c.var
  const offered = credentialOf(c)
  switch (offered.kind) {
    case 'none':
      return atTailnet(c, options, () => withoutCredential(client, options))
    case 'malformed':
      return { failure: offered.reason, user: '' }
    case 'ambiguous':
      return { failure: 'ambiguous', user: '' }
    case 'key':
      // SDKs and agents insist on some key, so people type a word; one that is no key of ours proves nothing and
      // claims nothing, and who comes by the tailnet is known without it (scenarios.md S2.5).
      return atTailnet(c, options, () => ({ failure: 'unknown_key', user: '' }))
    case 'password':
      return options.passwords.check(offered, client, c.req.raw.signal)
  }
}

const atTailnet = async (
  c: Context<Env>,
  { tailnet }: AuthenticateOptions,
  otherwise: () => Auth,
): Promise<Auth> => {
  const { listener, peer, peerPort } = c.env
  const { client } = c.var
  const found = await tailnet?.identify({
    listener,
    peer,
    peerPort,
    client,
    headers: c.req.raw.headers,
  })
  if (found === 'mismatch') return { failure: 'identity_mismatch', user: '' }
  return found === undefined ? otherwise() : { caller: found }
}

const withoutCredential = (client: Client, { loopback }: AuthenticateOptions): Auth =>
  loopback && client.loopback ? atThisMachine : { failure: 'missing', user: '' }

const credentialOf = (c: Context<Env>): Credential =>
  readCredential(c.req.raw.headers, isGemini(c.req.path) ? queryOf(c.req.url) : undefined)

/** Only Gemini's SDKs put the key into the query; elsewhere it would end up in logs for nothing. */
const isGemini = (path: string): boolean => path === '/v1beta' || path.startsWith('/v1beta/')

const queryOf = (url: string): URLSearchParams => new URL(url).searchParams

const loopbackCaller: Caller = { login: '(loopback)', kind: 'user', credentialId: '', groups: [] }
const atThisMachine: Auth = { caller: loopbackCaller }
