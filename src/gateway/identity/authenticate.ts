import type { Context, MiddlewareHandler } from 'hono'
import type { Caller } from '../../platform/caller.ts'
import type { Platform } from '../../platform/platform.ts'
import { isGuess } from '../../platform/records/auth-failure.ts'
import { envelopeOf } from '../dialect/envelope.ts'
import { check } from '../http/check.ts'
import type { Auth, Env } from '../http/env.ts'
import { isFreelySent } from '../http/guards/foreign-page.ts'
import { isGatewayCredential } from '../http/headers.ts'
import { readSessionCookie } from '../http/session-cookie.ts'
import { type Credential, readCredential } from './credentials.ts'
import type { Mark } from './guess.ts'
import type { SpeaksFor } from './open-webui-jwt.ts'
import type { KeyScheme } from './schemes/key.ts'
import type { Effort, PasswordScheme } from './schemes/password.ts'
import type { Session, SessionScheme } from './schemes/session.ts'
import type { TailnetScheme } from './schemes/tailnet.ts'
import type { TokenScheme } from './schemes/token.ts'

export interface AuthenticateOptions {
  readonly passwords: PasswordScheme
  /** Absent: no key is ours. */
  readonly keys?: KeyScheme
  /** Absent: no header of a proxy in front is read. */
  readonly tokens?: TokenScheme
  /** Absent: nobody is believed for where they come from. */
  readonly tailnet?: TailnetScheme | undefined
  /** Did the request ask for a name of ours? Absent: it does not matter. Only for who is known by where they come from. */
  readonly ownName?: (c: Context<Env>) => boolean
  /** A grant names `(loopback)`: a request without any credential from this very machine has a caller. */
  readonly loopback: boolean
  /** Absent: the cookie of a browser session proves nothing here. */
  readonly sessions?: SessionScheme
  /** These paths are Open WebUI's: its own tokens in `Authorization` are nothing to us, neither proof nor guess. */
  readonly besideWebui?: boolean
  readonly speaksFor?: SpeaksFor | undefined
  /** Must this user have signed in with a code? Absent: a password is enough here. */
  readonly requiresTotp?: (user: string) => boolean
  /** Did a page of another site cause the request? Then it is never a guess of the one who sends it. Absent: none does. */
  readonly foreignPage?: (c: Context<Env>) => boolean
  /** Names a wrong credential among gateways that count together. */
  readonly mark: Mark
  readonly fingerprint: Platform['fingerprint']
}

/**
 * Finds out who the caller is and sets `auth`; always runs, never answers. A credential that is present but bad never
 * falls through to a weaker proof, such as being on loopback.
 */
export const authenticate = (options: AuthenticateOptions): MiddlewareHandler<Env> => {
  const { speaksFor } = options
  return check(async function authenticate(c) {
    const auth = await identify(c, options)
    const spoken = auth.caller && speaksFor?.(auth.caller, c.req.raw.headers)
    c.set('auth', spoken === undefined ? auth : ((await spoken) ?? auth))
  })
}

/**
 * Does a request prove who sends it, by anything that counts here or elsewhere? For a banned address: whoever shares it with
 * a guesser is not banned with them. It costs what a refusal may cost: a digest, a question to tailscaled that is
 * remembered, and at most one of the few hashes that a banned address is left (`attemptGate`).
 */
export const provesItself = (options: AuthenticateOptions) => {
  const { passwords, keys, tokens, sessions } = options
  const recalled: AuthenticateOptions = {
    ...options,
    ...(keys && { keys: { ...keys, check: keys.recall } }),
    ...(tokens && {
      tokens: { ...tokens, asserted: (headers) => tokens.asserted(headers, 'recall') },
    }),
  }
  return async function provesItself(c: Context<Env>): Promise<boolean> {
    const offered = credentialOf(c)
    if (offered.kind === 'password') {
      const { signal } = c.req.raw
      return (
        (await passwords.check(offered, c.get('client'), signal, effortOf(c, options))).caller !==
        undefined
      )
    }
    if (offered.kind === 'key' && (await identify(c, recalled)).caller) return true
    // Open WebUI's own tokens are nothing to us, and do not stand in the way of what else is shown.
    if (credentialOf(c, true).kind !== 'none') return false
    if (sessions && (await sessionOf(c, sessions))) return true
    return (await identify(c, { ...recalled, besideWebui: true })).caller !== undefined
  }
}

/** The browser session that a request shows. */
export const sessionOf = async (
  c: Context<Env>,
  sessions: SessionScheme,
): Promise<Session | undefined> => {
  const token = readSessionCookie(c.req.raw.headers, c.get('client').secure)
  return token === undefined ? undefined : sessions.check(token)
}

const identify = (c: Context<Env>, options: AuthenticateOptions): Auth | Promise<Auth> => {
  const client = c.get('client')
  const offered = credentialOf(c, options.besideWebui ?? false)
  switch (offered.kind) {
    case 'none':
      return options.tokens?.asserted(c.req.raw.headers) ?? withoutCredential(c, options)
    case 'malformed':
      return { failure: offered.reason, user: '' }
    case 'ambiguous':
      return { failure: 'ambiguous', user: '' }
    case 'key':
      return withKey(c, offered.key, options)
    case 'password':
      // Before the password is looked at: nothing is learnt about it here.
      if (options.requiresTotp?.(offered.user)) return signedInAs(offered.user, c, options)
      return options.passwords.check(offered, client, c.req.raw.signal, effortOf(c, options))
  }
}

/** What a page may have put there by itself costs no hash; for the rest there are few that do not count. */
const effortOf =
  (c: Context<Env>, { foreignPage }: AuthenticateOptions) =>
  (): Effort => {
    if (!foreignPage?.(c)) return 'counted'
    return isFreelySent(c.req.raw.headers) ? 'recall' : 'spare'
  }

/** A browser goes on sending a password that it remembers; who has signed in with a code is known by that. */
const signedInAs = async (
  user: string,
  c: Context<Env>,
  { sessions }: AuthenticateOptions,
): Promise<Auth> => {
  const session = sessions && (await sessionOf(c, sessions))
  return session?.caller.credentialId === user
    ? { caller: session.caller }
    : { failure: 'no_code', user }
}

/** A key of ours stands or falls by itself, whoever comes with it. */
const withKey = async (
  c: Context<Env>,
  key: string,
  options: AuthenticateOptions,
): Promise<Auth> => {
  const found = (await options.keys?.check(key)) ?? 'not_ours'
  // SDKs and agents insist on some key, so people type a word; one that is not a key of ours proves nothing and
  // claims nothing, and who comes by the tailnet is known without it.
  const auth = found === 'not_ours' ? ((await fromTailnet(c, options)) ?? unknownKey) : found
  return auth.caller === undefined && isGuess(auth.failure) ? guessed(c, key, auth, options) : auth
}

const unknownKey: Auth = { failure: 'unknown_key', user: '' }

/**
 * A key in an address is never a guess: a page can put it there, over plain HTTP without any mark, and there is nothing to
 * guess at in 178 bits.
 */
const guessed = async (
  c: Context<Env>,
  key: string,
  auth: Auth,
  { fingerprint, foreignPage, mark }: AuthenticateOptions,
): Promise<Auth> => {
  if (auth.caller !== undefined || foreignPage?.(c) || isOnlyInQuery(c)) return auth
  const text = `key\0${key}`
  return { ...auth, guess: { print: await fingerprint(text), mark: () => mark(text) } }
}

const isOnlyInQuery = (c: Context<Env>): boolean =>
  isFreelySent(c.req.raw.headers) && !c.req.raw.headers.has('authorization')

/** Undefined: nobody whom the tailnet knows. */
const fromTailnet = async (
  c: Context<Env>,
  { tailnet, ownName }: AuthenticateOptions,
): Promise<Auth | undefined> => {
  const { listener, peer, peerPort, connection } = c.env
  const client = c.get('client')
  const found = await tailnet?.identify({
    listener,
    peer,
    peerPort,
    client,
    headers: c.req.raw.headers,
    ...(connection && { connection }),
  })
  if (found === 'mismatch') return { failure: 'identity_mismatch', user: '' }
  if (found === undefined) return undefined
  return ownName?.(c) === false ? foreign : { caller: found }
}

const foreign: Auth = { failure: 'foreign_name', user: '' }

/** A person on the tailnet is known by their device; who signed in on a tagged one, by that. */
const withoutCredential = async (c: Context<Env>, options: AuthenticateOptions): Promise<Auth> => {
  const there = await fromTailnet(c, options)
  if (there !== undefined && there.caller?.kind !== 'node') return there
  const session = options.sessions && (await sessionOf(c, options.sessions))
  if (session) return { caller: session.caller }
  return there ?? fromLoopback(c, options)
}

const fromLoopback = (c: Context<Env>, { loopback, ownName }: AuthenticateOptions): Auth => {
  if (!loopback || !c.get('client').loopback) return { failure: 'missing', user: '' }
  return ownName?.(c) === false ? foreign : loopbackAuth
}

const credentialOf = (c: Context<Env>, besideWebui = false): Credential => {
  const query = isGemini(c.req.path) ? queryOf(c.req.url) : undefined
  const { headers } = c.req.raw
  const foreign = besideWebui && !isGatewayCredential(headers.get('authorization') ?? '')
  return readCredential(headers, query, foreign)
}

/** Only Gemini's SDKs put the key into the query; elsewhere it would end up in logs for nothing. */
const isGemini = (path: string): boolean => envelopeOf(path) === 'gemini'

const queryOf = (url: string): URLSearchParams => new URL(url).searchParams

const loopbackCaller: Caller = { login: '(loopback)', kind: 'user', credentialId: '', groups: [] }
const loopbackAuth: Auth = { caller: loopbackCaller }
