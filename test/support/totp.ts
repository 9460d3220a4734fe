import { decodeBase32 } from '../../src/config/values/base32.ts'
import { codeAt } from '../../src/gateway/identity/totp.ts'

/** What the authenticator shows, or will show in so many ms. */
export const codeNow = async (secret: string, ahead = 0): Promise<string> => {
  const key = decodeBase32(secret)
  if (key === undefined) throw new RangeError('no secret')
  return codeAt(key, Math.floor((Date.now() + ahead) / 30_000))
}
