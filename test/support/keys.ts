import {
  base64url,
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JWK,
  SignJWT,
} from 'jose'
import { signedKey } from '../../src/gateway/identity/key-format.ts'
import type { ApiKey } from '../../src/platform/records/api-key.ts'

/** A key pair that signs what a test says. */
export interface TestSigner {
  readonly kid: string
  readonly jwk: JWK
  readonly privateKey: CryptoKey
  /** A token of exactly these claims. */
  sign(
    claims: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>
}

export const testSigner = async (alg = 'EdDSA'): Promise<TestSigner> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const kid = (await calculateJwkThumbprint(jwk)).slice(0, 16)
  const sign: TestSigner['sign'] = (claims, header = {}) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
  return { kid, jwk, privateKey, sign }
}

/** Three parts as given, the last one of bytes nobody signed. */
export const unsigned = (header: unknown, claims: unknown, signature = ''): string =>
  [...[header, claims].map((part) => base64url.encode(JSON.stringify(part))), signature].join('.')

export const now = Date.UTC(2026, 10, 21, 10)
const day = 86_400_000

export const apiKey = (changes: Partial<ApiKey> = {}): ApiKey => ({
  id: 'k0000000000a',
  digest: null,
  kid: null,
  login: 'alice@example.com',
  limits: {},
  expiresAt: now + day,
  revokedAt: null,
  ...changes,
})

/** What the command line would write into a token for this key. */
export const claimsOf = (
  { id, login, expiresAt }: ApiKey,
  signedAt = now,
): Record<string, unknown> => ({
  iss: signedKey.issuer,
  aud: signedKey.audience,
  sub: login,
  jti: id,
  iat: Math.floor(signedAt / 1000),
  ...(expiresAt !== null && { exp: expiresAt / 1000 }),
})

export const ownTyp = { typ: signedKey.typ }
