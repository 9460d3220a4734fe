import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  digestOf,
  hintOf,
  isWhole,
  looksRandom,
  newRandomKey,
} from '../../src/gateway/identity/key-format.ts'

const key = newRandomKey(randomBytes)

describe('a random key', () => {
  it('begins with pst_, and has 30 characters of 62 and a checksum', () => {
    expect(key).toMatch(/^pst_[0-9A-Za-z]{36}$/)
    expect(isWhole(key)).toBe(true)
    expect(newRandomKey(randomBytes)).not.toBe(key)
  })

  it('has every character as likely as any other', () => {
    const seen = new Map<string, number>()
    for (let at = 0; at < 2000; at++) {
      for (const char of newRandomKey(randomBytes).slice(4, 34)) {
        seen.set(char, (seen.get(char) ?? 0) + 1)
      }
    }
    expect(seen.size).toBe(62)
    // 60,000 draws of 62: 968 each, with a standard deviation of 31.
    expect(Math.min(...seen.values())).toBeGreaterThan(780)
    expect(Math.max(...seen.values())).toBeLessThan(1160)
  })

  it('shows whoever changes one character that it is not whole', () => {
    const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.split('')
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 39 }), fc.constantFrom(...characters), (at, char) => {
        fc.pre(key[at] !== char)
        expect(isWhole(key.slice(0, at) + char + key.slice(at + 1))).toBe(false)
      }),
    )
  })

  it.each([
    ['another length', key.slice(0, -1)],
    ['more after it', `${key}0`],
    ['another case', `pst_${key.slice(4).toLowerCase()}`],
    ['a newline at its end', `${key}\n`],
    ['nothing but the prefix', 'pst_'],
  ])('is not whole with %s', (_, text) => {
    expect([looksRandom(text), isWhole(text)]).toEqual([true, false])
  })

  it('is kept as a digest, and shown by six characters', async () => {
    const digest = await digestOf(key)
    expect(digest).toMatch(/^[\w-]{43}$/)
    expect(hintOf(key)).toBe(key.slice(4, 10))
    expect(await digestOf(`${key.slice(0, -1)}x`)).not.toBe(digest)
  })
})
