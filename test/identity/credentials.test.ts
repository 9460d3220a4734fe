import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCredential } from '../../src/gateway/identity/credentials.ts'

const read = (headers: Record<string, string>, query?: string) =>
  readCredential(new Headers(headers), query === undefined ? undefined : new URLSearchParams(query))
const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64')
const authorization = (value: string) => read({ authorization: value })
const alice = { kind: 'password', user: 'alice', password: 'pw' }
const malformed = { kind: 'malformed', reason: 'malformed' }
const tooLong = { kind: 'malformed', reason: 'too_long' }

describe('readCredential', () => {
  it('finds none where there is none', () => {
    expect(read({})).toEqual({ kind: 'none' })
    expect(read({ cookie: 'token=alice:pw', 'proxy-authorization': 'Basic YWxpY2U6cHc=' })).toEqual(
      { kind: 'none' },
    )
  })

  it.each([
    ['Basic', { authorization: `Basic ${base64('alice:pw')}` }],
    ['Bearer user:password', { authorization: 'Bearer alice:pw' }],
    ['x-api-key', { 'x-api-key': 'alice:pw' }],
    ['api-key', { 'api-key': 'alice:pw' }],
    ['x-goog-api-key', { 'x-goog-api-key': 'alice:pw' }],
  ])('reads user and password from %s', (_carrier, headers) => {
    expect(read(headers)).toEqual(alice)
  })

  it.each([
    ['Bearer', { authorization: 'Bearer sk-123' }],
    ['x-api-key', { 'x-api-key': 'sk-123' }],
    ['api-key', { 'api-key': 'sk-123' }],
    ['x-goog-api-key', { 'x-goog-api-key': 'sk-123' }],
  ])('reads a key from %s', (_carrier, headers) => {
    expect(read(headers)).toEqual({ kind: 'key', key: 'sk-123' })
  })

  it('reads ?key= only when the query is passed', () => {
    expect(read({}, 'key=sk-123')).toEqual({ kind: 'key', key: 'sk-123' })
    expect(read({}, 'api_key=sk-123&KEY=sk-123')).toEqual({ kind: 'none' })
    expect(read({})).toEqual({ kind: 'none' })
  })

  it('takes no password from the query, where any page could put one', () => {
    const malformed = { kind: 'malformed', reason: 'malformed' }
    expect(read({}, 'key=alice:pw')).toEqual(malformed)
    expect(read({}, 'key=alice%3Apw')).toEqual(malformed)
    expect(read({ 'x-api-key': 'alice:pw' }, 'key=alice:pw')).toEqual(malformed)
  })

  it('splits at the first colon, so that a password may hold colons', () => {
    const abc = { kind: 'password', user: 'alice', password: 'a:b:c' }
    expect(authorization(`Basic ${base64('alice:a:b:c')}`)).toEqual(abc)
    expect(authorization('Bearer alice:a:b:c')).toEqual(abc)
  })

  it.each(['bAsIc', 'BASIC', 'basic'])('takes the scheme %s in any case', (scheme) => {
    expect(authorization(`${scheme} ${base64('alice:pw')}`)).toEqual(alice)
  })

  it.each(['BEARER', 'bearer'])('takes the scheme %s in any case', (scheme) => {
    expect(authorization(`${scheme} sk-123`)).toEqual({ kind: 'key', key: 'sk-123' })
  })

  it('takes non-ASCII names and passwords in Basic as UTF-8, and keeps a byte order mark', () => {
    expect(authorization(`Basic ${base64('jürgen:pässwörd€')}`)).toEqual({
      kind: 'password',
      user: 'jürgen',
      password: 'pässwörd€',
    })
    expect(authorization(`Basic ${base64('\ufeffalice:pw')}`)).toEqual({
      ...alice,
      user: '\ufeffalice',
    })
  })

  it.each([
    ['not base64', 'Basic %%%%'],
    ['no colon', `Basic ${base64('alice')}`],
    [
      'the base64url alphabet',
      `Basic ${base64('alice:\u00fb\u00ff~~?').replace('+', '-').replace('/', '_')}=`,
    ],
    ['inner spaces', 'Basic YWxp Y2U6cHc='],
    ['missing padding', 'Basic YWxpY2U6cHc'],
    ['stray bits in the last character', 'Basic YWxpY2U6cHd='],
    ['nothing after the scheme', 'Basic'],
    ['an empty user', `Basic ${base64(':pw')}`],
    ['an empty password', `Basic ${base64('alice:')}`],
    ['an empty user in Bearer', 'Bearer :pw'],
    ['bytes that are not UTF-8', `Basic ${base64(Uint8Array.of(0x61, 0x3a, 0xff, 0xfe))}`],
    ['a NUL', `Basic ${base64('alice:p\0w')}`],
    ['a newline in the user', `Basic ${base64('ali\nce:pw')}`],
    ['a C1 control', `Basic ${base64('alice:\u0085')}`],
    ['an unknown scheme', 'Digest username="alice"'],
    ['a bare word', 'sk-123'],
    ['a comma list', `Basic ${base64('alice:pw')}, Bearer y`],
    ['a comma list of Bearers', 'Bearer x, Basic y'],
    ['a comma list that begins with user:password', 'Bearer a:b, Basic y'],
    ['a space in a key', "Bearer ' OR 1=1--"],
    ['a raw byte beyond ASCII', 'Bearer alice:p\u00e4ss'],
    ['a tab for a space', 'Bearer\tsk-123'],
  ])('finds %s malformed', (_what, value) => {
    expect(authorization(value)).toEqual(malformed)
  })

  it('reads spaces and UTF-8 of a password alike in every carrier', () => {
    const wanted = { kind: 'password', user: 'alice', password: 'pass phrase, ünï' }
    const bytes = String.fromCharCode(...new TextEncoder().encode('alice:pass phrase, ünï'))
    expect(authorization(`Basic ${base64('alice:pass phrase, ünï')}`)).toEqual(wanted)
    expect(authorization(`Bearer ${bytes}`)).toEqual(wanted)
    expect(read({ 'x-api-key': bytes })).toEqual(wanted)
  })

  it('bounds the user at 256 bytes and every carrier at 8 KiB', () => {
    const atLimit = 'ü'.repeat(128)
    expect(authorization(`Basic ${base64(`${atLimit}:pw`)}`)).toMatchObject({ user: atLimit })
    expect(authorization(`Basic ${base64(`${atLimit}x:pw`)}`)).toEqual(tooLong)
    expect(authorization(`Bearer ${'k'.repeat(8192)}`)).toMatchObject({ kind: 'key' })
    expect(authorization(`Bearer ${'k'.repeat(8193)}`)).toEqual(tooLong)
    expect(authorization(`Basic ${base64(`${'u'.repeat(15_000)}:pw`)}`)).toEqual(tooLong)
    expect(authorization(`Basic ${base64(`alice:${'p'.repeat(15_000)}`)}`)).toEqual(tooLong)
    expect(read({ 'x-api-key': 'k'.repeat(8193) })).toEqual(tooLong)
  })

  it('takes carriers that agree for one', () => {
    expect(
      read({ ...{ authorization: `Basic ${base64('alice:pw')}` }, 'x-api-key': 'alice:pw' }),
    ).toEqual(alice)
    expect(read({ authorization: 'Bearer sk-1', 'api-key': 'sk-1' }, 'key=sk-1')).toEqual({
      kind: 'key',
      key: 'sk-1',
    })
  })

  it.each([
    ['two keys', { authorization: 'Bearer sk-1', 'x-api-key': 'sk-2' }],
    ['a password and a key', { authorization: `Basic ${base64('alice:pw')}`, 'x-api-key': 'sk-1' }],
    ['two users', { authorization: 'Bearer alice:pw', 'x-api-key': 'bob:pw' }],
    ['two passwords', { authorization: 'Bearer alice:pw', 'x-api-key': 'alice:pv' }],
    ['the last of three', { authorization: 'Bearer a', 'x-api-key': 'a', 'x-goog-api-key': 'b' }],
  ])('finds %s ambiguous', (_what, headers) => {
    expect(read(headers)).toEqual({ kind: 'ambiguous' })
  })

  it('finds two ?key= that differ ambiguous', () => {
    expect(read({}, 'key=a&key=b')).toEqual({ kind: 'ambiguous' })
  })

  it('does not count empty carriers, as SDKs send them', () => {
    const empty = { authorization: 'Bearer ', 'x-api-key': '', 'api-key': '' }
    expect(read(empty)).toEqual({ kind: 'none' })
    expect(read({ ...empty, 'x-goog-api-key': 'sk-1' }, 'key=')).toEqual({
      kind: 'key',
      key: 'sk-1',
    })
  })

  it('never falls through from a carrier it cannot read to one it can', () => {
    expect(read({ authorization: 'Digest x', 'x-api-key': 'sk-1' })).toEqual(malformed)
    expect(read({ authorization: 'Bearer sk-1', 'x-api-key': 'sk 1' })).toEqual(malformed)
  })

  it('never throws, and never finds what was not sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.uint8Array(), (text, bytes) => {
        const value = text.replaceAll(/[\0\r\n]/g, '')
        authorization(value)
        const basic = authorization(`Basic ${base64(bytes)}`)
        if (basic.kind === 'password') {
          expect(Buffer.from(`${basic.user}:${basic.password}`)).toEqual(Buffer.from(bytes))
        }
      }),
    )
  })
})
