import { describe, expect, it } from 'vitest'
import { secretsOf } from '../../src/gateway/http/log/log-line.ts'
import { read, said, valid } from './read.ts'

const SOCKET = { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' }
const SECRET = 'x'.repeat(32)
const file = (keys: object) => valid(keys)

describe('mode', () => {
  it('serve with tailscale in front needs no listener of its own', () => {
    const { config, problems } = read(file({ mode: 'serve', front: 'tailscale' }))
    expect(problems).toEqual([])
    expect(config?.listeners).toMatchObject([
      { name: 'local', bind: { host: '127.0.0.1', port: 8787 }, identity: 'none' },
      { name: 'tailnet', bind: { kind: 'unix', path: 'tailnet.sock' }, identity: 'serve' },
    ])
  })

  it('local opens no socket for tailscaled', () => {
    expect(read(file({ front: 'tailscale' })).config?.listeners).toHaveLength(1)
  })

  it.each(['serve', 'funnel', 'both'])('%s needs a listener that knows who is calling', (mode) => {
    const listeners = [{ name: 'local', bind: '127.0.0.1:8787' }]
    expect(said(file({ mode, listeners }))).toEqual([
      `error mode: mode "${mode}" has no listener that could tell who comes by the tailnet`,
    ])
    expect(said(file({ mode, listeners: [...listeners, SOCKET] }))).toEqual([])
  })

  it('funnel is understood by a serve listener only', () => {
    const listeners = [{ name: 'caddy', bind: 'unix:c.sock', identity: 'caddy' }]
    expect(said(file({ mode: 'funnel', listeners }))).toContain(
      'error mode: mode "funnel" has no listener that could tell who comes by the tailnet',
    )
  })

  it.each(['funnel', 'both'])('%s without a user is refused', (mode) => {
    const keys = { mode, front: 'tailscale', users: {}, grants: [] }
    expect(said(keys)).toContain(
      `error mode: mode "${mode}" opens the door to the internet, and no user is defined`,
    )
  })

  it('serve without a user is not: the tailnet is proof enough', () => {
    const keys = { mode: 'serve', front: 'tailscale' }
    expect(said(keys).filter((line) => line.startsWith('error'))).toEqual([])
  })

  it('local makes a listener for the tailnet useless, and says so', () => {
    expect(said(file({ listeners: [SOCKET] }))).toEqual([
      'warning listeners[0].identity: "serve" lets nobody in while "mode" is "local"',
    ])
  })

  it('serve warns of a listener that other networks reach', () => {
    const listeners = [SOCKET, { name: 'lan', bind: '0.0.0.0:8787' }]
    expect(said(file({ mode: 'serve', listeners }))).toEqual([
      'warning listeners[1].bind: listener "lan" takes passwords and keys from any network without TLS, where they can be read on the way',
    ])
    const proxied = [SOCKET, { ...listeners[1], trusted_proxies: ['192.168.1.5'] }]
    expect(said(file({ mode: 'serve', listeners: proxied }))).toEqual([
      'warning listeners[1].bind: listener "lan" takes passwords from any network, while "mode" is "serve"',
    ])
  })
})

describe('a listener that believes who is calling', () => {
  const problems = (listener: object) =>
    said(file({ mode: 'both', listeners: [SOCKET, { name: 'b', ...listener }] }))

  it.each(['0.0.0.0:80', '[::]:80', '192.168.1.2:80', '100.64.0.5:80'])(
    'by headers is refused on %s',
    (bind) => {
      expect(problems({ bind, identity: 'serve' })).toEqual([
        'error listeners[1].bind: identity "serve" believes headers, and other machines could connect here',
      ])
      expect(problems({ bind, identity: 'caddy', hop_secret: SECRET })).toEqual([
        'error listeners[1].bind: identity "caddy" believes headers, and other machines could connect here',
      ])
    },
  )

  it.each(['unix:b.sock', '127.0.0.1:8788', '[::1]:8788'])('by headers is sound on %s', (bind) => {
    expect(problems({ bind, identity: 'serve' })).toEqual([])
    expect(problems({ bind, identity: 'caddy', hop_secret: SECRET })).toEqual([])
  })

  it('by Caddy needs the rights of a socket, or a secret that cannot be guessed', () => {
    const bind = '127.0.0.1:8788'
    expect(problems({ bind: 'unix:b.sock', identity: 'caddy' })).toEqual([])
    expect(problems({ bind, identity: 'caddy' })).toEqual([
      'error listeners[1].bind: every program of this machine could connect here and name anybody',
    ])
    expect(problems({ bind, identity: 'caddy', hop_secret: 'short' })).toEqual([
      'error listeners[1].hop_secret: has less than 32 characters',
    ])
    expect(problems({ bind, identity: 'none', hop_secret: SECRET })).toEqual([
      'warning listeners[1].hop_secret: is read by listeners of identity "caddy" only',
    ])
  })

  it.each(['100.64.0.5:80', '100.127.255.254:80', '[fd7a:115c:a1e0::5]:80'])(
    'by asking tailscaled is sound on %s',
    (bind) => {
      expect(problems({ bind, identity: 'whois' })).toEqual([])
    },
  )

  it.each(['127.0.0.1:81', '0.0.0.0:80', '100.63.0.1:80', '[fd7b::1]:80', 'unix:b.sock'])(
    'by asking tailscaled is refused on %s',
    (bind) => {
      expect(problems({ bind, identity: 'whois' })).toEqual([
        'error listeners[1].bind: identity "whois" believes tailscaled about peers of the tailnet only',
      ])
    },
  )

  it('trusts its Caddy without being told', () => {
    const listeners = [
      { name: 'a', bind: 'unix:a.sock', identity: 'caddy' },
      { name: 'b', bind: '127.0.0.1:8788', identity: 'caddy', hop_secret: SECRET },
    ]
    const { config } = read(file({ mode: 'serve', listeners }))
    expect(config?.listeners.map(({ trustedProxies }) => trustedProxies)).toEqual([
      ['unix'],
      ['127.0.0.0/8', '::1'],
    ])
  })
})

describe('Open WebUI', () => {
  const webui = (keys: object) => file({ webui: { url: 'http://127.0.0.1:3000', ...keys } })

  it('speaks for others only with a secret that cannot be guessed', () => {
    const speaks_for = { login: 'open-webui', secret: 'short' }
    expect(said(webui({ speaks_for }))).toEqual([
      'error webui.speaks_for.secret: has less than 32 characters',
    ])
    const { config } = read(webui({ speaks_for: { ...speaks_for, secret: SECRET } }))
    expect(config?.webui?.speaksFor).toEqual({ login: 'open-webui', secret: SECRET })
  })

  it.each(['Host', 'X Name', 'Transfer-Encoding', 'Connection', 'X-Ü', 'a'])(
    'is not told of the caller in %j',
    (email) => {
      expect(said(webui({ headers: { email } }))).toEqual([
        `error webui.headers.email: "${email}" cannot be used as a header`,
      ])
    },
  )
})

describe('tailscale', () => {
  it.each(['', 'cap', 'example.com', 'example.com/', '*/cap', 'a b/c'])(
    'takes %j for no capability',
    (name) => {
      expect(said(file({ tailscale: { capabilities: [name] } }))).toEqual([
        `error tailscale.capabilities[0]: "${name}" is not a valid capability`,
      ])
    },
  )
})

it('secrets of listeners and of Open WebUI may be references, and are kept out of the log', () => {
  const listeners = [
    SOCKET,
    { name: 'c', bind: 'unix:c', identity: 'caddy', hop_secret: 'env:HOP' },
  ]
  const speaks_for = { login: 'open-webui', secret: 'env:HOP' }
  const webui = { url: 'http://127.0.0.1:3000', speaks_for }
  const { config } = read(file({ mode: 'both', listeners, webui }))
  expect(config?.listeners[1]?.hopSecret).toBe(SECRET)
  expect(config?.webui?.speaksFor?.secret).toBe(SECRET)
  expect(config && secretsOf(config)).toEqual([SECRET, SECRET])
})
