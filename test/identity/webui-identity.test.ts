import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWebuiIdentity, emailOf, loginOf } from '../../src/gateway/identity/webui-identity.ts'
import type { Caller } from '../../src/platform/caller.ts'

const alice: Caller = { login: 'alice@example.com', kind: 'user', credentialId: 'n1', groups: [] }
const headers = { email: 'x-email', name: 'x-name', groups: 'x-groups' }
const tell = (caller: Partial<Caller>, groups: Record<string, string[]> = {}) =>
  Object.fromEntries(
    createWebuiIdentity({ headers, groups: new Map(Object.entries(groups)) })({
      ...alice,
      ...caller,
    }),
  )

describe('the address under which Open WebUI knows somebody', () => {
  it.each([
    ['alice@example.com', 'alice@example.com'],
    ['owner', 'owner@postern.local'],
    ['jürgen@example.com', 'j%C3%BCrgen@example.com'],
    ['100%', '100%25@postern.local'],
    ['alice@github', 'alice@github'],
  ])('of %s is %s', (login, email) => {
    expect(emailOf(login)).toBe(email)
    // It keeps them in lower case.
    expect(loginOf(email.toLowerCase())).toBe(login)
  })

  it('is one header value, and leads back to the login, whatever that is', () => {
    const logins = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .map((text) => text.toLowerCase().toWellFormed())
      .filter((text) => !text.endsWith('@postern.local'))
    fc.assert(
      fc.property(logins, (login) => {
        const email = emailOf(login)
        expect(email).toMatch(/^[\x21-\x7e]+$/)
        expect(loginOf(email)).toBe(login)
      }),
    )
  })

  it('is taken as it is when it was made by nobody here', () => {
    expect(loginOf('50%-off@example.com')).toBe('50%-off@example.com')
  })
})

describe('the name shown there', () => {
  it.each([
    [{ displayName: 'Jürgen Groß' }, 'J%C3%BCrgen%20Gro%C3%9F'],
    [{ displayName: '  ' }, 'alice%40example.com'],
    [{ displayName: 'a\r\nX-Email: owner' }, 'a%0D%0AX-Email%3A%20owner'],
    [{ displayName: '\ud800' }, '%EF%BF%BD'],
    [{ kind: 'password', credentialId: 'Anaïs' } as const, 'Ana%C3%AFs'],
    [{}, 'alice%40example.com'],
  ])('of %j is %s', (caller, name) => {
    expect(tell(caller)['x-name']).toBe(name)
  })

  it('has an end', () => {
    expect(tell({ displayName: '🚪'.repeat(5000) })['x-name']).toBe('%F0%9F%9A%AA'.repeat(128))
  })
})

describe('the groups told there', () => {
  it('are those of the login and of the user, once each and without prefix', () => {
    const groups = { 'group:board': ['alice@example.com'], 'group:other': ['bob'] }
    expect(tell({ groups: ['group:family', 'group:board'] }, groups)['x-groups']).toBe(
      'family,board',
    )
  })

  it('are not told at all when there are none, so that Open WebUI keeps its own', () => {
    expect(tell({})).not.toHaveProperty('x-groups')
  })

  it('are only those that it can tell apart', () => {
    const groups = { 'group:a,admin': [alice.login], 'group:föö': [alice.login] }
    expect(tell({}, groups)).not.toHaveProperty('x-groups')
  })
})
