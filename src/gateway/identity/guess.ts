import type { Config } from '../../config/config.ts'
import type { Platform } from '../../platform/platform.ts'

/** Makes the mark of a credential's text. */
export type Mark = (text: string) => Promise<string>

/** 48 bits tell a dozen guesses apart, and give away little to those who can read the common store. */
const markLength = 8

/**
 * Marks that are equal on gateways with equal secrets, so that a stale credential is one guess for all of them. The key is
 * made of the hashes in the configuration: the store that holds the marks, whose password is not enough, cannot be used to
 * try passwords against them. Gateways with different users count for themselves.
 */
export const createMark = (
  { users, redis }: Pick<Config, 'users' | 'redis'>,
  { shared }: Pick<Platform, 'shared'>,
): Mark => {
  if (shared === undefined) return async () => ''
  const hashes = [...users.values()].map(({ password }) => password).sort(byText)
  const key = importKey(JSON.stringify([redis?.password ?? '', ...hashes]))
  return async (text) => {
    const digest = await crypto.subtle.sign('HMAC', await key, encoder.encode(text))
    return btoa(String.fromCharCode(...new Uint8Array(digest))).slice(0, markLength)
  }
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1)

const encoder = new TextEncoder()

const importKey = async (secret: string): Promise<CryptoKey> =>
  crypto.subtle.importKey(
    'raw',
    await crypto.subtle.digest('SHA-256', encoder.encode(secret)),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  )
