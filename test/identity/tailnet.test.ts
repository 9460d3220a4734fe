import { describe, expect, it } from 'vitest'
import type { ListenerConfig, ListenerIdentity } from '../../src/config/config.ts'
import type { Client } from '../../src/gateway/http/env.ts'
import {
  createTailnetScheme,
  type TailnetRequest,
} from '../../src/gateway/identity/schemes/tailnet.ts'
import type { Peer } from '../../src/tailscale/directory.ts'

const alice: Peer = {
  login: 'Alice@example.com',
  displayName: 'Alice Ünï',
  node: 'laptop',
  stableId: 'nLaptop',
  tags: [],
  shared: false,
  ownsGateway: false,
  reachesLoopback: false,
  capabilities: {
    'example.com/cap/gateway': [{ role: 'user' }],
    'other.com/cap/x': [{ role: 'admin' }],
    'tailscale.com/cap/ssh': [{ role: 'admin' }],
    'https://tailscale.com/cap/file-sharing': [],
  },
}
const rene: Peer = { ...alice, login: 'rené@example.com', node: 'tablet', capabilities: {} }
const mask: Peer = { ...rene, login: '=?utf-8?q?alice=40example.com?=', node: 'mask' }
const runner: Peer = {
  ...rene,
  login: 'tagged-devices',
  displayName: 'Tagged Devices',
  node: 'runner',
  tags: ['tag:api', 'tag:prod'],
}

const nodes: Readonly<Record<string, Peer>> = {
  '100.64.0.2': alice,
  '100.64.0.3': rene,
  '100.64.0.4': runner,
  '100.64.0.6': mask,
}

const scheme = (asked: string[] = []) =>
  createTailnetScheme({
    capabilities: ['example.com/cap/gateway'],
    fingerprint: (secret) => `digest of ${secret}`,
    directory: {
      lookup: (ip, port) => {
        asked.push(port === undefined ? ip : `${ip} ${port}`)
        return nodes[ip]
      },
      suffix: () => undefined,
      tailnet: () => undefined,
    },
  })

const request = (
  identity: ListenerIdentity,
  ip: string,
  headers: Record<string, string> = {},
  more: { door?: Client['door']; hopSecret?: string } = {},
): TailnetRequest => ({
  listener: { identity, hopSecret: more.hopSecret } as ListenerConfig,
  peer: ip,
  peerPort: 4711,
  client: { ip, door: more.door ?? 'tailnet' } as Client,
  headers: new Headers(headers),
})

describe('behind tailscale serve', () => {
  const ask = (ip: string, headers: Record<string, string> = {}) =>
    scheme().identify(request('serve', ip, headers))

  it('is whom header and tailscaled agree on, by full login in small letters', async () => {
    expect(await ask('100.64.0.2', { 'tailscale-user-login': 'Alice@example.com' })).toEqual({
      login: 'alice@example.com',
      kind: 'user',
      credentialId: 'laptop',
      groups: [],
      node: 'laptop',
      nodeId: 'nLaptop',
      displayName: 'Alice Ünï',
      capabilities: {
        entries: [{ role: 'user' }],
        others: new Map([['other.com/cap/x', [{ role: 'admin' }]]]),
      },
    })
  })

  it('reads a login that tailscaled had to encode', async () => {
    const login = '=?utf-8?q?ren=C3=A9@example.com?='
    expect(await ask('100.64.0.3', { 'tailscale-user-login': login })).toMatchObject({
      login: 'rené@example.com',
    })
  })

  it('takes a login that only looks encoded for what it is, not for alice', async () => {
    const login = '=?utf-8?q?alice=40example.com?='
    expect(await ask('100.64.0.6', { 'tailscale-user-login': login })).toMatchObject({ login })
  })

  it.each([
    ['another login', 'bob@example.com'],
    ['the local part', 'Alice'],
    ['the same in other letters', 'alice@example.com'],
    ['a broken word', '=?utf-8?q?Alice'],
  ])('is a conflict when the header says %s', async (_what, login) => {
    expect(await ask('100.64.0.2', { 'tailscale-user-login': login })).toBe('mismatch')
  })

  it('is nobody without the header, or when tailscaled knows nobody', async () => {
    expect(await ask('100.64.0.2')).toBeUndefined()
    expect(await ask('100.64.0.9', { 'tailscale-user-login': 'Alice@example.com' })).toBeUndefined()
  })

  it('is the tags of a node that nobody owns, and no user that a header names', async () => {
    expect(await ask('100.64.0.4')).toMatchObject({
      login: 'tag:api,tag:prod',
      kind: 'node',
      node: 'runner',
      tags: ['tag:api', 'tag:prod'],
    })
    expect(await ask('100.64.0.4', { 'tailscale-user-login': 'Alice@example.com' })).toBeUndefined()
  })

  it('adds the accepted capabilities of the header to those of whois, each once', async () => {
    const told = {
      'example.com/cap/gateway': [{ role: 'user' }, { models: 'a/**' }],
      'other.com/cap/x': [{ role: 'admin' }, { tier: 'gold' }],
    }
    const caller = await ask('100.64.0.2', {
      'tailscale-user-login': 'Alice@example.com',
      'tailscale-app-capabilities': JSON.stringify(told),
    })
    expect(caller).toMatchObject({
      capabilities: {
        entries: [{ role: 'user' }, { models: 'a/**' }],
        others: new Map([['other.com/cap/x', [{ role: 'admin' }, { tier: 'gold' }]]]),
      },
    })
  })

  it.each(['{', 'null', '[]', '{"example.com/cap/gateway":{"role":"admin"}}', '{"__proto__":[1]}'])(
    'gains nothing by the capabilities %s',
    async (told) => {
      const headers = { 'tailscale-user-login': 'rené@example.com' }
      const encoded = '=?utf-8?q?ren=C3=A9@example.com?='
      const caller = await ask('100.64.0.3', {
        ...headers,
        'tailscale-user-login': encoded,
        'tailscale-app-capabilities': told,
      })
      expect(caller).not.toHaveProperty('capabilities')
    },
  )

  it('is nobody by the public door, and tailscaled is not even asked', async () => {
    const asked: string[] = []
    const headers = { 'tailscale-user-login': 'Alice@example.com' }
    const made = request('serve', '100.64.0.2', headers, { door: 'public' })
    expect(await scheme(asked).identify(made)).toBeUndefined()
    expect(asked).toEqual([])
  })
})

describe('at an address of the tailnet', () => {
  it('is whom tailscaled names for the peer and its port, whatever headers say', async () => {
    const asked: string[] = []
    const headers = { 'tailscale-user-login': 'bob@example.com', 'x-webauth-user': 'bob' }
    const caller = await scheme(asked).identify(request('whois', '100.64.0.2', headers))
    expect(caller).toMatchObject({ login: 'alice@example.com', node: 'laptop' })
    expect(asked).toEqual(['100.64.0.2 4711'])
  })
})

describe('behind Caddy', () => {
  const ask = (headers: Record<string, string>, hopSecret?: string) =>
    scheme().identify(
      request('caddy', '100.64.0.2', headers, hopSecret === undefined ? {} : { hopSecret }),
    )

  it('is whom Caddy names, by the rights of the socket', async () => {
    expect(await ask({ 'x-webauth-user': 'Bob@example.com' })).toEqual({
      login: 'bob@example.com',
      kind: 'user',
      credentialId: 'caddy',
      groups: [],
    })
  })

  it('is nobody when the secret of the hop is missing or wrong', async () => {
    const named = { 'x-webauth-user': 'bob@example.com' }
    expect(await ask(named, 's3cret')).toBeUndefined()
    expect(await ask({ ...named, 'x-gateway-hop': 'S3cret' }, 's3cret')).toBeUndefined()
    expect(await ask({ ...named, 'x-gateway-hop': 's3cret' }, 's3cret')).toMatchObject({
      login: 'bob@example.com',
    })
  })

  it.each(['', '*', '(loopback)', 'a b', 'x\ty', 'a'.repeat(255)])(
    'is nobody by the name %j',
    async (name) => {
      expect(await ask({ 'x-webauth-user': name })).toBeUndefined()
    },
  )

  it('reads a name beyond ASCII as the UTF-8 it is', async () => {
    const bytes = String.fromCharCode(...new TextEncoder().encode('rené@example.com'))
    expect(await ask({ 'x-webauth-user': bytes })).toMatchObject({ login: 'rené@example.com' })
  })

  it('is nobody by the headers of another front', async () => {
    expect(await ask({ 'tailscale-user-login': 'Alice@example.com' })).toBeUndefined()
  })
})

it('is nobody at a listener that believes nothing', async () => {
  const headers = { 'tailscale-user-login': 'Alice@example.com', 'x-webauth-user': 'a@b' }
  expect(await scheme().identify(request('none', '100.64.0.2', headers))).toBeUndefined()
})
