import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { weakness } from '../../src/config/values/password-strength.ts'
import { computed } from '../support/computed.ts'

describe('a new password', () => {
  it.each([
    'correct horse',
    'correct horse battery staple',
    'tea for two please',
    'red car fog',
    'k7#mQ2!vX9pL',
    'nvbqzwkrtyhg',
    'Zwölf Boxkämpfer',
    'my dog eats 42 socks',
    'AbR-4471-xkd-Q',
  ])('may be %j', (password) => {
    expect(weakness(password, ['alice', 'alice@example.com'])).toBeUndefined()
  })

  it.each(['', 'x', 'hunter2', 'eleven char', 'k7#mQ2!vX9p', 'a b c d', 'one one one'])(
    'may not be as short as %j',
    (password) => {
      expect(weakness(password)).toMatch(/12 or more, or 3 words/)
    },
  )

  it.each([
    'password1234',
    'P@ssw0rd2026!',
    'passwordpassword',
    'aaaaaaaaaaaaaaaa',
    'abcabcabcabc',
    '123456789012',
    '1234567890987654321',
    'qwertyuiop12',
    'qwertzuiopasdf',
    '1qaz2wsx3edc',
    'zyxwvutsrqpo',
    'letmein12345',
    'Summer2026!!',
    'iloveyou2026',
    'alice-password',
    'alice@example.com',
    'alicealice2026',
    'example-alice',
    'admin admin admin',
    '200120022003',
  ])('may not be as common as %j', (password) => {
    expect(weakness(password, ['alice', 'alice@example.com'])).toMatch(/first that are tried/)
  })

  it('is judged in time, however long and strange', () => {
    const text = fc.string({ unit: 'binary', maxLength: 72 })
    fc.assert(
      fc.property(text, (password) => {
        const started = computed()
        weakness(password, ['somebody@example.com'])
        expect(computed() - started).toBeLessThan(500)
      }),
    )
  })

  it('is not refused when it is random, in any alphabet', () => {
    const letters = fc.array(fc.constantFrom(...'bcdfghjkmnpqrtvwxyz'), {
      minLength: 14,
      maxLength: 14,
    })
    fc.assert(
      fc.property(letters, (chosen) => {
        fc.pre(new Set(chosen).size > 6)
        expect(weakness(chosen.join(''))).toBeUndefined()
      }),
    )
  })
})
