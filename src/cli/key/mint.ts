import { randomBytes } from 'node:crypto'
import { importJWK, SignJWT } from 'jose'
import type { PrivateSigningKey } from '../../adapter/node/secrets/signing-key.ts'
import { digestOf, hintOf, newRandomKey, signedKey } from '../../gateway/identity/key-format.ts'
import type { KeyLimits } from '../../platform/caller.ts'
import type { NewKey } from '../../platform/records/act.ts'
import { madeBy } from '../act.ts'

export interface Wanted {
  readonly login: string
  readonly name: string
  readonly limits: KeyLimits
  /** ms from now; undefined: never. */
  readonly lifetime: number | undefined
}

/** A key to show once, and what is kept of it. */
export interface Minted {
  readonly key: string
  readonly kept: NewKey
}

export const mintRandom = async (wanted: Wanted): Promise<Minted> => {
  const key = newRandomKey(randomBytes)
  return { key, kept: { ...newKey(wanted), digest: await digestOf(key), hint: hintOf(key) } }
}

export const mintSigned = async (wanted: Wanted, signer: PrivateSigningKey): Promise<Minted> => {
  const row = { ...newKey(wanted), kid: signer.kid }
  const { algorithm, typ, issuer, audience } = signedKey
  // Open WebUI's proxy knows our keys by how they begin: `typ` comes first (src/gateway/http/headers.ts).
  const token = new SignJWT()
    .setProtectedHeader({ typ, alg: algorithm, kid: signer.kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(row.login)
    .setJti(row.id)
    .setIssuedAt(row.createdAt / 1000)
  if (row.expiresAt !== null) token.setExpirationTime(row.expiresAt / 1000)
  const key = await token.sign(await importJWK(signer.privateJwk, algorithm))
  return { key, kept: { ...row, hint: key.slice(-6) } }
}

/** Whole seconds, as tokens have them. */
const newKey = ({ login, name, limits, lifetime }: Wanted): NewKey => {
  const createdAt = Math.floor(Date.now() / 1000) * 1000
  return {
    id: newId(),
    digest: null,
    kid: null,
    hint: '',
    login,
    name,
    limits,
    createdAt,
    createdBy: madeBy(),
    expiresAt:
      lifetime === undefined ? null : createdAt + Math.max(1000, lifetime - (lifetime % 1000)),
  }
}

/** Easy to read out and to type: no two characters look alike, and case does not matter. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const idLength = 12

const newId = (): string =>
  [...randomBytes(idLength)].map((byte) => alphabet[byte % alphabet.length]).join('')
