import { importPKCS8, SignJWT } from 'jose'
import { Failure } from '../../../platform/failure.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { ServiceAccount } from '../../../platform/upstream.ts'
import { type Answer, ask } from '../ask.ts'

export type TokensPlatform = Pick<Platform, 'send' | 'clock' | 'log'>

const scope = 'https://www.googleapis.com/auth/cloud-platform'
const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** s that an assertion is good for: Google takes no more. */
const assertionLife = 3600
/** ms by which a token is given up early: it must still be good when the request arrives. */
const margin = 60_000
const limits = { timeoutMs: 10_000, maxBytes: 64 * 1024 }

interface Held {
  readonly token: Promise<string>
  /** `clock.elapsed()`; infinite while it is being made. */
  until: number
}

/**
 * Bearer tokens of Google service accounts (RFC 7523): made when first wanted, kept until they lapse, and made once
 * however many requests wait for one. A failure is kept for nobody.
 * @throws Failure `upstream_error`
 */
export const createTokens = (
  platform: TokensPlatform,
): ((account: ServiceAccount) => Promise<string>) => {
  const tokens = new WeakMap<ServiceAccount, Held>()
  return (account) => {
    const known = tokens.get(account)
    if (known && platform.clock.elapsed() < known.until) return known.token
    const made = mint(account, platform)
    const held: Held = { token: made.then(({ token }) => token), until: Number.POSITIVE_INFINITY }
    tokens.set(account, held)
    made.then(
      ({ life }) => {
        held.until = platform.clock.elapsed() + Math.max(0, life - margin)
      },
      () => tokens.delete(account),
    )
    return held.token
  }
}

interface Token {
  readonly token: string
  /** ms */
  readonly life: number
}

const mint = async (account: ServiceAccount, platform: TokensPlatform): Promise<Token> => {
  try {
    return read(await trade(account, await assertion(account, platform), platform))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    platform.log('warn', 'providers.token', { account: account.email, reason })
    throw new Failure('upstream_error', 'The gateway could not sign in at the model server.', {
      reason: 'token',
    })
  }
}

const assertion = async (
  { email, privateKey, privateKeyId, tokenUri }: ServiceAccount,
  { clock }: TokensPlatform,
): Promise<string> => {
  const now = Math.floor(clock.now() / 1000)
  return new SignJWT({ scope })
    .setProtectedHeader({
      alg: 'RS256',
      typ: 'JWT',
      ...(privateKeyId !== undefined && { kid: privateKeyId }),
    })
    .setIssuer(email)
    .setAudience(tokenUri)
    .setIssuedAt(now)
    .setExpirationTime(now + assertionLife)
    .sign(await importPKCS8(privateKey, 'RS256'))
}

const trade = (
  { tokenUri }: ServiceAccount,
  signed: string,
  { send }: TokensPlatform,
): Promise<Answer> => {
  const { origin, pathname } = new URL(tokenUri)
  const form = new URLSearchParams({ grant_type: grantType, assertion: signed })
  return ask(
    send,
    {
      origin,
      path: pathname,
      method: 'POST',
      headers: [['content-type', 'application/x-www-form-urlencoded']],
      body: new TextEncoder().encode(form.toString()),
    },
    limits,
  )
}

/** The answer may quote what it was sent, so nothing of it goes into an error but Google's own code. */
const read = ({ status, body }: Answer): Token => {
  if (status !== 200) throw new Error(`the token endpoint answered ${status}${codeOf(body)}`)
  const { access_token: token, expires_in: seconds } = parse(body)
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new Error('the token endpoint answered without a token')
  }
  return { token, life: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 0 }
}

const codeOf = (body: string): string => {
  const { error } = parse(body)
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? `: ${error}` : ''
}

const parse = (json: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
