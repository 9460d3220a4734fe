import { base64url } from 'jose'

/** What secret scanners, and people, know a random key by. */
const prefix = 'pst_'
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 178 bits; 142 remain unknown to who sees the hint. */
const randomLength = 30
const checkLength = 6
const hintLength = 6

const shape = new RegExp(`^${prefix}([0-9A-Za-z]{${randomLength}})([0-9A-Za-z]{${checkLength}})$`)

/** What a signed key says it is: no other token of ours passes for one, nor it for another. */
export const signedKey = {
  issuer: 'postern',
  audience: 'postern-api',
  typ: 'postern-key+jwt',
  algorithm: 'EdDSA',
} as const

/** Of the secret only the first characters are ever shown again. */
export const hintOf = (key: string): string => key.slice(prefix.length, prefix.length + hintLength)

/** Does the text claim to be a random key of ours? */
export const looksRandom = (text: string): boolean => text.startsWith(prefix)

/** Was it typed or pasted whole? A checksum tells, so that no slip of the finger passes for a guess. */
export const isWhole = (key: string): boolean => {
  const [, secret = '', check] = shape.exec(key) ?? []
  return check !== undefined && check === checksum(secret)
}

/**
 * A new random key: `pst_`, 30 characters of 62, and 6 that check them.
 * @param random so many bytes that nobody can foresee
 */
export const newRandomKey = (random: (count: number) => Uint8Array): string => {
  let secret = ''
  while (secret.length < randomLength) {
    // 248 is the largest multiple of 62 in a byte: each character is as likely as the next.
    const bytes = [...random(randomLength)].filter((byte) => byte < 248)
    secret += bytes.map((byte) => alphabet[byte % 62]).join('')
  }
  secret = secret.slice(0, randomLength)
  return prefix + secret + checksum(secret)
}

/** What of a random key is kept. It needs no salt and no slow hash: there is nothing to guess at in 178 bits. */
export const digestOf = async (key: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key))
  return base64url.encode(new Uint8Array(digest))
}

/** CRC-32 (IEEE 802.3) in the alphabet of the key. */
const checksum = (text: string): string => {
  let crc = ~0
  for (const char of text) {
    crc ^= char.charCodeAt(0)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  let rest = ~crc >>> 0
  let digits = ''
  for (let at = 0; at < checkLength; at++) {
    digits = alphabet[rest % 62] + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}
