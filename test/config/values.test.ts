import bcrypt from 'bcryptjs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bindsCollide, isLocalBind, parseBind } from '../../src/config/values/bind.ts'
import { checkHash, millisecondsPerCheck } from '../../src/config/values/password-hash.ts'
import { parseDuration, parseSize } from '../../src/config/values/units.ts'
import { checkHttpUrl, refuseDatabaseUrl } from '../../src/config/values/url.ts'
import { HASH } from './read.ts'

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['15s', 15_000],
    ['10m', 600_000],
    ['1.5h', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each(['', '10', 's', '10 s', '-1s', '1e3s', '10S', '1w', '.5s', '1s2', 'Infinitys', '1,5h'])(
    'is not %j',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  )
})

describe('a size', () => {
  it.each([
    ['32MiB', 33_554_432],
    ['1MB', 1_000_000],
    ['512KiB', 524_288],
    ['1.5KiB', 1536],
    ['1 GiB', 1_073_741_824],
    ['10B', 10],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  it.each(['', '32', '32M', '32mib', '-1MB', '1e3KB', 'MB'])('is not %j', (text) =>
    expect(parseSize(text)).toBeUndefined(),
  )
})

describe('a bind', () => {
  it.each([
    ['127.0.0.1:8787', { kind: 'tcp', host: '127.0.0.1', port: 8787 }],
    ['0.0.0.0:0', { kind: 'tcp', host: '0.0.0.0', port: 0 }],
    ['[::1]:8787', { kind: 'tcp', host: '::1', port: 8787 }],
    ['unix:a.sock', { kind: 'unix', path: 'a.sock' }],
    ['unix:/run/a.sock', { kind: 'unix', path: '/run/a.sock' }],
  ])('%s', (text, bind) => expect(parseBind(text).bind).toEqual(bind))

  it.each([
    '',
    '8787',
    ':8787',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    'localhost:80',
    '::1:80',
    '[::1]',
    '[127.0.0.1]:80',
    '127.1:80',
    '2130706433:80',
    '0177.0.0.1:80',
    'unix:',
    'unix:a\0b',
    '[::1%eth0]:x',
    `unix:${'x'.repeat(100)}`,
    ' 127.0.0.1:80',
    'http://127.0.0.1:80',
  ])('is not %j', (text) => expect(parseBind(text).bind).toBeUndefined())

  it.each([
    ['127.0.0.1:1', true],
    ['127.0.0.2:1', true],
    ['[::1]:1', true],
    ['[::ffff:127.0.0.1]:1', true],
    ['unix:a', true],
    ['0.0.0.0:1', false],
    ['[::]:1', false],
    ['192.168.1.2:1', false],
    ['100.64.0.5:80', false],
  ])('%s is open to this machine only: %s', (text, local) => {
    const { bind } = parseBind(text)
    expect(bind && isLocalBind(bind)).toBe(local)
  })

  it.each([
    ['127.0.0.1:1', '127.0.0.1:1', true],
    ['127.0.0.1:1', '127.0.0.1:2', false],
    ['127.0.0.1:1', '0.0.0.0:1', true],
    ['[::]:1', '127.0.0.1:1', true],
    ['[::1]:1', '127.0.0.1:1', false],
    ['[::1]:1', '[0:0:0:0:0:0:0:1]:1', true],
    ['127.0.0.1:0', '127.0.0.1:0', false],
    ['unix:a', 'unix:a', true],
    ['unix:a', 'unix:b', false],
    ['unix:a', '127.0.0.1:1', false],
  ])('%s and %s collide: %s', (a, b, collide) => {
    const [first, second] = [parseBind(a).bind, parseBind(b).bind]
    expect(first && second && bindsCollide(first, second)).toBe(collide)
  })
})

describe('a password hash', () => {
  it.each(['a', 'b', 'y'])('may be of version 2%s', (version) => {
    expect(checkHash(HASH.replace('$2b', `$2${version}`))).toEqual({ cost: 4 })
  })

  it.each([
    ['hunter2', /^is plain text/],
    ['', /^is empty/],
    [HASH.slice(0, -1), /^is cut short or too long \(59 of 60 characters\)/],
    [`${HASH}x`, /^is cut short or too long/],
    [` ${HASH}`, /^is plain text/],
    [`${HASH}\n`, /^is a damaged hash/],
    [HASH.replace('$2b', '$2x'), /^has bcrypt version "2x"/],
    [HASH.replace('$2b', '$2'), /^has bcrypt version "2"/],
    [HASH.replace('$04', '$03'), /^has bcrypt cost 03, outside 04 to 31/],
    [HASH.replace('$04', '$32'), /^has bcrypt cost 32, outside 04 to 31/],
    [HASH.replace('$04', '$31'), /^has bcrypt cost 31: each check would take about 187433 s/],
    [HASH.replace('$04', '$4'), /^is a damaged hash/],
    ['$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA', /^is an argon2 hash/],
    ['$6$salt$hash', /^is another kind of hash/],
    ['$apr1$salt$hash', /^is another kind of hash/],
    ['{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', /^is another kind of hash/],
  ])('is not %j', (hash, why) => {
    const checked = checkHash(hash)
    expect(checked.cost).toBeUndefined()
    expect('why' in checked && checked.why).toMatch(why)
  })

  it('is refused when a changed character would make it match nothing for ever', () => {
    for (const at of [28, 59]) {
      const next = String.fromCharCode(HASH.charCodeAt(at) + 1)
      const damaged = HASH.slice(0, at) + next + HASH.slice(at + 1)
      expect(bcrypt.compareSync('owner-password', damaged)).toBe(false)
      expect(checkHash(damaged)).toEqual({ why: 'is damaged: a character of it was changed' })
    }
  })

  it('as bcrypt makes it is always taken', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 18 }), (password) => {
        expect(checkHash(bcrypt.hashSync(password, 4))).toEqual({ cost: 4 })
      }),
      { numRuns: 30 },
    )
  })

  it('doubles its time with each step of cost', () => {
    expect([12, 14, 16].map(millisecondsPerCheck)).toEqual([358, 1430, 5720])
  })
})

describe('a provider’s URL', () => {
  it.each([
    'http://127.0.0.1:1234',
    'http://[::1]:8000',
    'http://h:8000/v1/',
    'https://openrouter.ai/api/',
    'HTTPS://h/api/coding/paas/v4',
    'http://bücher.example',
    'http://h/a@b',
  ])('may be %s', (text) => expect(checkHttpUrl(text).why).toBeUndefined())

  it.each([
    ['file:///etc/passwd', /does not begin with/],
    ['unix:/run/a.sock', /does not begin with/],
    ['127.0.0.1:1234', /does not begin with/],
    ['localhost:1234', /does not begin with/],
    ['http:/h', /does not begin with/],
    ['http:h', /does not begin with/],
    ['javascript:alert(1)', /does not begin with/],
    ['http://user:pw@h', /user name or password/],
    ['http://user@h', /user name or password/],
    ['http://@h', /user name or password/],
    ['http://h ', /a space/],
    [' http://h', /a space/],
    ['http://h\t/x', /a space/],
    ['http://h\\@evil', /a space, backslash/],
    ['http://h/x?key=1', /query/],
    ['http://h/x#y', /query or fragment/],
    ['http://h:0/', /port 0/],
    ['http://h:99999/', /is not a URL/],
    ['http://', /is not a URL/],
    ['http://local-tailscaled.sock/localapi/v0/status', /tailscaled itself/],
    ['http://100.100.100.100/', /tailscaled itself/],
  ])('is not %j', (text, why) => expect(checkHttpUrl(text).why).toMatch(why))
})

describe('a database URL', () => {
  it.each([
    'file:postern.db',
    'file:/var/lib/p.db',
    'libsql://db.example',
    'https://h',
    'http://127.0.0.1:8080',
  ])('may be %s', (text) => expect(refuseDatabaseUrl(text)).toBeUndefined())

  it.each([
    '',
    'postern.db',
    'file:',
    'postgres://h',
    'libsql://u:p@h',
    'libsql://h?authToken=x',
    'libsql://',
    'http://',
  ])('is not %j', (text) => expect(refuseDatabaseUrl(text)).toBeDefined())
})
