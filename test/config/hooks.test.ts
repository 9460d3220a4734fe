import { describe, expect, it } from 'vitest'
import { read, said, valid } from './read.ts'

const URL = 'https://hooks.example.com/llm'
const sent = (...hooks: object[]) => [
  { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', send_hooks: hooks }] } },
]
const withHook = (hook: object, more: object = {}) => valid({ hooks: { h: hook }, ...more })
const config = (source: object) => {
  const { config: parsed, problems } = read(source)
  if (!parsed) throw new Error(JSON.stringify(problems))
  return parsed
}

describe('a hook', () => {
  it('has the defaults of the contract', () => {
    expect(config(withHook({ url: URL })).hooks.get('h')).toEqual({
      name: 'h',
      url: URL,
      apikey: '',
      authorization: 'bearer',
      secret: undefined,
      timeout: 5000,
      disabled: false,
      failPolicy: 'fail_open',
      preference: 0,
      redact: undefined,
    })
  })

  it('of Aperture’s own example loads unchanged', () => {
    const source = valid({
      hooks: {
        'pii-mask': {
          url: 'http://guard.example.ts.net:8080/check',
          apikey: 'k',
          authorization: 'x-api-key',
          timeout: '750ms',
          fail_policy: 'fail_closed',
          preference: 100,
        },
        audit: { url: URL, timeout: '10s', disabled: false },
      },
      grants: sent(
        { name: 'pii-mask', events: ['pre_request'], send: ['request_body', 'user_message'] },
        { name: 'audit', events: ['entire_request'], send: ['estimated_cost'] },
      ),
    })
    expect(said(source)).toEqual([])
    const { hooks, grants } = config(source)
    expect(hooks.get('pii-mask')).toMatchObject({ timeout: 750, preference: 100 })
    expect(grants[0]?.entries[0]?.sendHooks?.map(({ name }) => name)).toEqual(['pii-mask', 'audit'])
  })

  it('without an address is an error, and a warning while it is off', () => {
    expect(said(withHook({}))).toEqual(['error hooks.h: hook h has no url configured'])
    expect(said(withHook({ disabled: true }))).toEqual([
      'warning hooks.h: hook h has no url configured',
    ])
    expect(config(withHook({ disabled: true })).hooks.get('h')?.disabled).toBe(true)
  })

  it.each([
    ['ftp://h/x', 'hook h has invalid URL scheme (must be http:// or https://): ftp://h/x'],
    [
      'file:///etc/passwd',
      'hook h has invalid URL scheme (must be http:// or https://): file:///etc/passwd',
    ],
    ['h/x', 'hook h has invalid URL scheme (must be http:// or https://): h/x'],
    [
      'ftp://u:secret@h/x?token=secret',
      'hook h has invalid URL scheme (must be http:// or https://): ftp://h/x',
    ],
    ['http://u:p@h/', 'hook h has a wrong url: it has a user name or password in it'],
    ['http://h/#x', 'hook h has a wrong url: it has a query or fragment'],
    ['http://h:0/', 'hook h has a wrong url: it has port 0'],
  ])('at %s is refused', (url, message) => {
    expect(said(withHook({ url }))).toEqual([`error hooks.h.url: ${message}`])
  })

  it('may have a query, and stand in a private network', () => {
    for (const url of ['http://10.0.0.9/h?token=t', 'http://127.0.0.1:9/', 'http://guard:80']) {
      expect(said(withHook({ url, apikey: 'env:KEY' }))).toEqual([])
    }
  })

  it('is shown its key readable on the internet only with a warning', () => {
    expect(said(withHook({ url: 'http://example.com/h', apikey: 'env:KEY' }))).toEqual([
      'warning hooks.h.url: the key crosses the internet readable',
    ])
  })

  it('of an unknown authorization is refused in Aperture’s words', () => {
    expect(said(withHook({ url: URL, authorization: 'digest' }))).toEqual([
      'error hooks.h.authorization: hook h has invalid authorization type: digest',
    ])
  })

  it.each([
    ['0', 0],
    ['0s', 0],
    ['750ms', 750],
    ['1m30s', 90_000],
  ])('with timeout %s waits %i ms', (timeout, ms) => {
    expect(config(withHook({ url: URL, timeout })).hooks.get('h')?.timeout).toBe(ms)
  })

  it.each(['-1s', '5', 'soon', '48h'])('with timeout %s is refused', (timeout) => {
    expect(said(withHook({ url: URL, timeout }))).toHaveLength(1)
  })

  it('signs with a secret that nobody can guess', () => {
    expect(said(withHook({ url: URL, secret: 'short' }))).toEqual([
      'error hooks.h.secret: has less than 32 characters',
    ])
    expect(config(withHook({ url: URL, secret: 'env:HOP' })).hooks.get('h')?.secret).toHaveLength(
      32,
    )
  })
})

describe('the guard inside', () => {
  it('looks for everything it knows unless told otherwise', () => {
    const redact = config(withHook({ redact: {} })).hooks.get('h')?.redact
    expect(redact?.kinds).toHaveLength(7)
    expect(redact?.action).toBe('replace')
  })

  it('has no address as well', () => {
    expect(said(withHook({ url: URL, redact: {} }))).toEqual([
      'error hooks.h.redact: hook h has both "url" and "redact"',
    ])
  })

  it.each([
    ['(a)\\1', 'the pattern has an escape that is not known: \\1'],
    ['(?=a)a', 'the pattern has a group that begins with (?, of which only (?: is possible'],
    ['(?<!a)a', 'the pattern has a group that begins with (?, of which only (?: is possible'],
    ['a*', 'the pattern matches the empty text'],
    ['a{1000}', 'the pattern needs more than 500 states'],
    ['(', 'the pattern has a "(" without its ")"'],
    ['[a', 'the pattern has a "[" without its "]"'],
    ['x'.repeat(513), 'the pattern is longer than 512 characters'],
  ])('refuses the pattern %s', (pattern, message) => {
    expect(said(withHook({ redact: { patterns: { own: pattern } } }))).toEqual([
      `error hooks.h.redact.patterns.own: ${message}`,
    ])
  })

  it('names its patterns so that their placeholders are known again', () => {
    expect(said(withHook({ redact: { patterns: { 'A B]': 'x' } } }))).toHaveLength(1)
  })
})

describe('send_hooks', () => {
  const hooks = { h: { url: URL }, r: { redact: {} } }

  it('of an unknown hook draws Aperture’s warning', () => {
    const grants = sent({ name: 'x', events: ['pre_request'], send: [] })
    expect(said(valid({ hooks, grants }))).toEqual([
      'warning grants[0].app["tailscale.com/cap/aperture"][0].send_hooks[0].name: ' +
        'send_hooks references undefined hook "x"',
    ])
  })

  it('without an event, or without the one that a guard waits for, draws a warning', () => {
    const grants = sent({ name: 'h' }, { name: 'r', events: ['entire_request'] })
    expect(said(valid({ hooks, grants }))).toEqual([
      'warning grants[0].app["tailscale.com/cap/aperture"][0].send_hooks[0]: has no event, so nothing is sent',
      'warning grants[0].app["tailscale.com/cap/aperture"][0].send_hooks[1].events: hook "r" guards requests, and is not asked before one',
    ])
  })

  it('of unknown events or fields is refused', () => {
    const grants = sent({ name: 'h', events: ['later'], send: ['everything'] })
    expect(said(valid({ hooks, grants }))).toHaveLength(2)
  })
})
