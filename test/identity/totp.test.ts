import { describe, expect, it } from 'vitest'
import { decodeBase32, encodeBase32 } from '../../src/config/values/base32.ts'
import { codeAt, otpauthUrl, stepOf } from '../../src/gateway/identity/totp.ts'

/** RFC 6238 appendix B: the secret of its SHA-1 vectors. */
const secret = encodeBase32(new TextEncoder().encode('12345678901234567890'))

describe('base32', () => {
  it('is that of RFC 4648, read with spaces and in small letters too', () => {
    expect(secret).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
    expect(decodeBase32('gezd gnbv gy3t qojq gezd gnbv gy3t qojq')).toEqual(decodeBase32(secret))
    for (let length = 10; length < 40; length++) {
      const bytes = crypto.getRandomValues(new Uint8Array(length))
      expect(decodeBase32(encodeBase32(bytes))).toEqual(bytes)
    }
  })

  it.each(['', 'GEZDGNBV', 'GEZDGNBVGY3TQOJ1', 'not a secret!'])('is not %j', (text) => {
    expect(decodeBase32(text)).toBeUndefined()
  })
})

describe('codes', () => {
  // The last six of the RFC's eight digits.
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('of second %d is that of RFC 6238', async (second, code) => {
    const key = decodeBase32(secret)
    expect(key && (await codeAt(key, Math.floor(second / 30)))).toBe(code)
    expect(await stepOf(secret, code, second * 1000)).toBe(Math.floor(second / 30))
  })

  it('count a step early and late, no further, and not a second time', async () => {
    const now = 1111111111_000
    const at = (seconds: number) => stepOf(secret, '050471', now + seconds * 1000)
    expect(await at(-30)).toBe(37037037)
    expect(await at(30)).toBe(37037037)
    expect(await at(-61)).toBeUndefined()
    expect(await at(60)).toBeUndefined()
    expect(await stepOf(secret, '050471', now, 37037037)).toBeUndefined()
    expect(await stepOf(secret, '050471', now, 37037036)).toBe(37037037)
  })

  it('come from an address that apps know', () => {
    expect(otpauthUrl('Postern', 'ana b', secret)).toBe(
      `otpauth://totp/Postern:ana%20b?secret=${secret}&issuer=Postern`,
    )
  })
})
