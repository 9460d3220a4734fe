import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { SigningKey } from '../../../platform/records/api-key.ts'
import { writeConfig } from '../config/config-file.ts'

/** A signing key with its private half. */
export interface PrivateSigningKey extends SigningKey {
  readonly privateJwk: JWK
}

/** Only who makes keys needs it: a gateway checks signatures with the public halves in the ledger. */
const pathIn = (dataDir: string): string => join(dataDir, 'signing-key.json')

/**
 * The key that signs at present; undefined when there is none yet.
 * @throws Error for people when others could read it, or when it is no such key
 */
export const readSigningKey = async (dataDir: string): Promise<PrivateSigningKey | undefined> => {
  const path = pathIn(dataDir)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
    throw new Error(
      `other users can read ${path}: run \`chmod 600\` on it, and \`postern key rotate\``,
    )
  }
  return toSigningKey(parse(await readFile(path, 'utf8'), path))
}

/** Makes a new signing key and puts it in the place of the old one, whose private half is gone then. */
export const replaceSigningKey = async (dataDir: string): Promise<PrivateSigningKey> => {
  const key = await newSigningKey()
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  // A file that others could read must not hand its mode on.
  await rm(pathIn(dataDir), { force: true })
  await writeConfig(pathIn(dataDir), `${JSON.stringify(key.privateJwk)}\n`)
  return key
}

/** A name that begins with a dash, as one in 64 would, is an option to every command line. */
const newSigningKey = async (): Promise<PrivateSigningKey> => {
  for (;;) {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
    const key = await toSigningKey(await exportJWK(privateKey))
    if (!key.kid.startsWith('-')) return key
  }
}

const parse = (text: string, path: string): JWK => {
  try {
    const jwk = JSON.parse(text) as JWK
    if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && jwk.x && jwk.d) return jwk
  } catch {}
  throw new Error(`${path} holds no signing key: move it away, and \`postern key rotate\``)
}

/** Named by its thumbprint (RFC 7638), so that one name never means two keys. */
const toSigningKey = async (privateJwk: JWK): Promise<PrivateSigningKey> => {
  const { kty = 'OKP', crv = '', x = '' } = privateJwk
  const jwk = { kty, crv, x }
  const kid = (await calculateJwkThumbprint(jwk)).slice(0, 16)
  return { kid, jwk, privateJwk }
}
