import { describe, expect, it } from 'vitest'
import type { LocalApi, LocalApiAnswer } from '../../src/platform/platform.ts'
import { createDirectory } from '../../src/tailscale/directory.ts'
import { fakeClock } from '../support/clock.ts'
import laptop from '../support/tailnet/fixtures/whois-laptop.json' with { type: 'json' }
import runner from '../support/tailnet/fixtures/whois-runner.json' with { type: 'json' }

const answer = (body: unknown, status = 200): LocalApiAnswer => ({
  status,
  etag: null,
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const self = (fields: object = {}) => ({
  Version: '1.102.3',
  BackendState: 'Running',
  TUN: true,
  Self: { DNSName: 'gateway.tail.test.', UserID: 1, ...fields },
})

/** A tailscaled that answers whois as the test says, and counts how often it is asked. */
const open = (whois: LocalApi, status: unknown = self()) => {
  const clock = fakeClock()
  const asked: string[] = []
  const log: string[] = []
  const directory = createDirectory({
    clock,
    log: (_level, evt) => log.push(evt),
    localApi: (request) => {
      asked.push(request.path)
      return request.path.startsWith('/localapi/v0/whois')
        ? whois(request)
        : Promise.resolve(answer(status))
    },
  })
  const whoisAsked = () => asked.filter((path) => path.includes('whois')).length
  return { directory, clock, log, asked, whoisAsked }
}

describe('the directory', () => {
  it('knows the person who owns a node, and that this gateway is theirs too', async () => {
    const { directory, asked } = open(async () => answer(laptop))
    expect(await directory.lookup('100.64.0.2')).toEqual({
      login: 'alice@example.com',
      displayName: 'Alice Ünï',
      node: 'laptop',
      tags: [],
      shared: false,
      ownsGateway: true,
      stableId: '2',
      reachesLoopback: false,
      capabilities: { 'example.com/cap/gateway': [{ models: ['**'], role: 'user' }] },
    })
    expect(asked).toContain('/localapi/v0/whois?addr=100.64.0.2')
  })

  it('knows what its own tailnet is called, once somebody was asked about', async () => {
    const CurrentTailnet = { Name: 'example.com', MagicDNSEnabled: true }
    const { directory } = open(async () => answer(laptop), { ...self(), CurrentTailnet })
    expect(directory.tailnet()).toBeUndefined()
    await directory.lookup('100.64.0.2')
    expect(directory.tailnet()).toBe('example.com')
  })

  it('sorts the tags of a node that nobody owns', async () => {
    const { directory } = open(async () =>
      answer({ ...runner, Node: { ...runner.Node, Tags: ['tag:prod', 'tag:api'] } }),
    )
    expect(await directory.lookup('100.64.0.4')).toMatchObject({ tags: ['tag:api', 'tag:prod'] })
  })

  it.each([
    ['it is tagged itself', self({ Tags: ['tag:ai'] })],
    ['it has another owner', self({ UserID: 2 })],
  ])('gives the gateway to nobody when %s', async (_why, status) => {
    const { directory } = open(async () => answer(laptop), status)
    expect(await directory.lookup('100.64.0.2')).toMatchObject({ ownsGateway: false })
  })

  it.each([
    ['Sharer', { ...laptop.Node, Sharer: 7 }],
    ['ShareeNode', { ...laptop.Node, Hostinfo: { ShareeNode: true } }],
  ])('tells a user of another tailnet by %s', async (_field, Node) => {
    const { directory } = open(async () => answer({ ...laptop, Node }))
    expect(await directory.lookup('100.64.0.2')).toMatchObject({ shared: true })
  })

  it.each([
    ['100.64.0.2', undefined, '100.64.0.2'],
    ['100.64.0.2', 4711, '100.64.0.2%3A4711&proto=tcp'],
    ['fd7a:115c:a1e0::2', undefined, 'fd7a%3A115c%3Aa1e0%3A%3A2'],
    ['fd7a:115c:a1e0::2', 4711, '%5Bfd7a%3A115c%3Aa1e0%3A%3A2%5D%3A4711&proto=tcp'],
  ])('asks for %s, port %s, as tailscaled reads it', async (ip, port, query) => {
    const { directory, asked } = open(async () => answer(laptop))
    await directory.lookup(ip, port)
    expect(asked).toContain(`/localapi/v0/whois?addr=${query}`)
  })

  it('asks once for many at once, and again after half a minute', async () => {
    const { directory, clock, whoisAsked } = open(async () => answer(laptop))
    await Promise.all(Array.from({ length: 50 }, () => directory.lookup('100.64.0.2')))
    expect(whoisAsked()).toBe(1)
    clock.advance(29_999)
    expect(directory.lookup('100.64.0.2')).toMatchObject({ node: 'laptop' })
    clock.advance(2)
    await directory.lookup('100.64.0.2')
    expect(whoisAsked()).toBe(2)
  })

  it('remembers for five seconds that nobody has an address', async () => {
    const { directory, clock, whoisAsked } = open(async () => answer('no match for IP:port\n', 404))
    expect(await directory.lookup('100.64.0.9')).toBeUndefined()
    expect(directory.lookup('100.64.0.9')).toBeUndefined()
    clock.advance(5_001)
    await directory.lookup('100.64.0.9')
    expect(whoisAsked()).toBe(2)
  })

  it.each<[string, LocalApi]>([
    ['refuses', () => Promise.reject(new Error('ECONNREFUSED'))],
    ['answers 500', async () => answer('boom', 500)],
    ['answers something else', async () => answer('<html>')],
    ['answers without a login', async () => answer({ ...laptop, UserProfile: { ID: 1 } })],
    ['answers a list', async () => answer([])],
  ])(
    'knows nobody when tailscaled %s, leaves it alone for a second, then recovers',
    async (_how, whois) => {
      let works = false
      const { directory, clock, log, whoisAsked } = open((request) =>
        works ? Promise.resolve(answer(laptop)) : whois(request),
      )
      expect(await directory.lookup('100.64.0.2')).toBeUndefined()
      expect(log).toEqual(['tailscale.whois'])
      expect(directory.lookup('100.64.0.3')).toBeUndefined()
      expect(whoisAsked()).toBe(1)
      works = true
      clock.advance(1_001)
      expect(await directory.lookup('100.64.0.2')).toMatchObject({ node: 'laptop' })
    },
  )

  it('gives up on a tailscaled that hangs after half a second', async () => {
    const { directory } = open(
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    )
    const started = performance.now()
    expect(await directory.lookup('100.64.0.2')).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(600)
  })

  it('knows nobody where there is no tailscaled', () => {
    const clock = fakeClock()
    const directory = createDirectory({ localApi: undefined, clock, log: () => {} })
    expect(directory.lookup('100.64.0.2')).toBeUndefined()
  })
})
