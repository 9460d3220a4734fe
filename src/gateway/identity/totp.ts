import { decodeBase32 } from '../../config/values/base32.ts'

/** Seconds that a code counts for, and its digits: what every authenticator app takes for granted. */
const period = 30
const digits = 6

/** A phone's clock may be a step off, either way (RFC 6238 §5.2). */
const drift = [0, -1, 1]

/** The code of a step of 30 seconds since 1970 (RFC 4226 §5.3 with the counter of RFC 6238). */
export const codeAt = async (key: Uint8Array<ArrayBuffer>, step: number): Promise<string> => {
  const counter = new DataView(new ArrayBuffer(8))
  counter.setBigUint64(0, BigInt(step))
  const hmac = { name: 'HMAC', hash: 'SHA-1' }
  const imported = await crypto.subtle.importKey('raw', key, hmac, false, ['sign'])
  const digest = new DataView(await crypto.subtle.sign('HMAC', imported, counter))
  const offset = digest.getUint8(digest.byteLength - 1) & 0xf
  const number = (digest.getUint32(offset) & 0x7fffffff) % 10 ** digits
  return String(number).padStart(digits, '0')
}

/**
 * Which step a code is of; undefined when it is none of now.
 * @param now ms since the epoch @param after steps up to this one are used up: a code counts once
 */
export const stepOf = async (
  secret: string,
  code: string,
  now: number,
  after = -1,
): Promise<number | undefined> => {
  const key = decodeBase32(secret)
  if (key === undefined) return undefined
  const current = Math.floor(now / 1000 / period)
  for (const step of drift.map((by) => current + by)) {
    if (step > after && (await codeAt(key, step)) === code) return step
  }
  return undefined
}

/** What authenticator apps read from a QR code. */
export const otpauthUrl = (issuer: string, user: string, secret: string): string =>
  `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(user)}` +
  `?secret=${secret}&issuer=${encodeURIComponent(issuer)}`
