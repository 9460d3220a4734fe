import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hideSecrets, restoreSecrets } from '../../src/config/keep.ts'
import { HASH } from './read.ts'

const text = `{
  // whom we ask
  "providers": {
    "a/b": { "baseurl": "http://h", "apikey": "sk-one" /* old */, "add_headers": ["X-Team: s3cret", "X-Env: env:TEAM"] },
    "c": { "baseurl": "http://i", "apikey": "env:KEY" },
  },
  "users": { "owner": { "password": "${HASH}" } }, // one user
}
`

describe('a configuration that is shown', () => {
  it('has marks in place of its secrets, and everything else as it was', () => {
    expect(hideSecrets(text)).toBe(
      text
        .replace('"sk-one"', '"keep:/providers/a~1b/apikey"')
        .replace('X-Team: s3cret', 'X-Team: keep:/providers/a~1b/add_headers/0')
        .replace(HASH, 'keep:/users/owner/password'),
    )
  })

  it('comes back as it was', () => {
    expect(restoreSecrets(hideSecrets(text) ?? '', text)).toEqual({ text })
  })

  it('keeps a secret that was moved, and takes a new one as it is written', () => {
    const edited = (hideSecrets(text) ?? '')
      .replace('"a/b"', '"renamed"')
      .replace('keep:/users/owner/password', 'new-hash')
    expect(restoreSecrets(edited, text)).toEqual({
      text: text.replace('"a/b"', '"renamed"').replace(HASH, 'new-hash'),
    })
  })

  it('is refused with a mark of a place that has no secret', () => {
    const edited = text.replace('"sk-one"', '"keep:/providers/gone/apikey"')
    expect(restoreSecrets(edited, text)).toEqual({ unknown: ['keep:/providers/gone/apikey'] })
  })

  it('takes nothing from anywhere but a place of secrets', () => {
    const edited = text.replace('"http://i"', '"keep:/users/owner/password"')
    expect(restoreSecrets(edited, text)).toEqual({ text: edited })
    const stolen = text.replace('"sk-one"', '"keep:/providers/c/baseurl"')
    expect(restoreSecrets(stolen, text)).toEqual({ unknown: ['keep:/providers/c/baseurl'] })
  })

  it('is nothing when it is not HuJSON', () => {
    expect(hideSecrets('{"a":')).toBeUndefined()
    expect(restoreSecrets('{"a":', text)).toEqual({ text: '{"a":' })
  })

  it('never shows a secret, and always comes back, whatever ids and secrets there are', () => {
    const id = fc.string({ minLength: 1, maxLength: 8 }).filter((name) => name !== '__proto__')
    const secret = fc.stringMatching(/^[A-Z0-9]{12,20}$/)
    fc.assert(
      fc.property(fc.dictionary(id, secret, { noNullPrototype: true }), (keys) => {
        const providers = Object.fromEntries(
          Object.entries(keys).map(([name, apikey]) => [name, { baseurl: 'http://h', apikey }]),
        )
        const original = JSON.stringify({ providers }, null, 2)
        const shown = hideSecrets(original) ?? ''
        for (const apikey of Object.values(keys)) expect(shown).not.toContain(`"${apikey}"`)
        expect(restoreSecrets(shown, original)).toEqual({ text: original })
      }),
    )
  })
})
