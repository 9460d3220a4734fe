/**
 * A made-up tailscaled for tests of behaviour, where the real one (test/tailnet) cannot be had or is too slow: its
 * LocalAPI on a unix socket, and what `tailscale serve` and Funnel do to a request on its way to a program. What it
 * says and does is held to recordings of tailscaled 1.102.3 (fake-tailscaled.test.ts) and to the real one beside it
 * (test/tailnet/fake.test.ts).
 *
 *     const tailscaled = await startFakeTailscaled({
 *       people: [
 *         { name: 'laptop', login: 'alice@example.com', addresses: ['100.64.0.2'] },
 *         { name: 'runner', tags: ['tag:ci'], addresses: ['100.64.0.4'], capMap: { 'example.com/cap/x': [{}] } },
 *       ],
 *     })
 *     const front = tailscaled.front({ socket: gatewaySocket }, { funnel: true })
 *     await front.ask('100.64.0.2', { path: '/v1/models' })              // alice, by tailnet
 *     await front.ask('203.0.113.7', { path: '/v1/models' })             // anyone, by Funnel
 *     const url = `http://127.0.0.1:${await front.portFor('100.64.0.2')}` // for an SDK; Host is the caller's matter
 *     await tailscaled.fault('hang')                                     // whois, status, serve-config
 *     await tailscaled.stop()
 *
 * It does not do: encryption, HTTP/2, mounts and redirects of a serve-config (a front has one target), other ports
 * than one a front, Go's wording for broken HTTP. Several lines of Cookie come as one.
 * Nor does it wait: the real one takes 180 ms for each of TCP and UDP to say that it knows no such address *and port*
 * (3 ms without a port, or with a node's address).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Front, type FrontOptions, startFront, type Target } from './fake-tailscaled/front.ts'
import { answer, type Writer } from './fake-tailscaled/local-api.ts'
import { type FakeNode, fullName } from './fake-tailscaled/people.ts'
import { type Fault, listenAt } from './fake-tailscaled/socket.ts'

export type { Front, FrontAsk, FrontOptions, Target } from './fake-tailscaled/front.ts'
export type { Writer } from './fake-tailscaled/local-api.ts'
export type { FakeNode } from './fake-tailscaled/people.ts'
export type { Fault } from './fake-tailscaled/socket.ts'

export interface FakeTailscaledOptions {
  /** The other machines of the tailnet. */
  readonly people?: readonly FakeNode[]
  /** Our own machine; default `gateway` at 100.64.0.1, owned by owner@example.com. */
  readonly self?: FakeNode
  /** Default `tail.test`. */
  readonly domain?: string
  /** Laid over the answer to `status`; default a version without suffix, and a network device (`TUN`). */
  readonly status?: Readonly<Record<string, unknown>>
  /** As whom the test asks. Default `root`. */
  readonly writer?: Writer
}

export interface FakeTailscaled {
  /** Path of the LocalAPI's socket. */
  readonly socket: string
  /** Full name of our own machine, without the dot at its end. */
  readonly name: string
  /** Paths and queries the LocalAPI was asked for, in order, those that a fault kept from an answer too. */
  readonly calls: string[]
  /** The other machines; change it, and the next answer knows. */
  readonly people: FakeNode[]
  /** Laid over the answer to `status`. */
  status: Readonly<Record<string, unknown>>
  /** What is served, as `POST serve-config` takes it; null before the first. It has no effect on a front. */
  serveConfig: unknown
  /** What serve and Funnel put before a program. It needs no start, and goes with `stop`. */
  front(target: Target, options?: FrontOptions): Front
  /** From now on the LocalAPI is like this; undefined makes it well. Fronts go on all the same. */
  fault(fault: Fault | undefined): Promise<void>
  /** The daemon anew: the same socket under another inode, what was being asked broken off. */
  restart(): Promise<void>
  /** Ends it, its fronts and their connections; the socket's folder goes. */
  stop(): Promise<void>
}

const gateway: FakeNode = {
  name: 'gateway',
  login: 'owner@example.com',
  addresses: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
}

/** Starts a made-up tailscaled. */
export const startFakeTailscaled = async (
  options: FakeTailscaledOptions = {},
): Promise<FakeTailscaled> => {
  const { people = [], self = gateway, domain = 'tail.test', writer = 'root' } = options
  const { status = { TUN: true, Version: '1.102.3' } } = options
  const tailnet = { self, domain, people: [...people] }
  const daemon = { tailnet, writer, status, serveConfig: null as unknown }
  const folder = await mkdtemp(join(tmpdir(), 'tailscaled-'))
  const socket = join(folder, 'tailscaled.sock')
  const calls: string[] = []
  const api = await listenAt(socket, (request, body) => {
    calls.push(request.url ?? '')
    return answer(daemon, request, body)
  })
  const stops = [() => rm(folder, { recursive: true, force: true }), api.close]
  const own = {
    socket,
    name: fullName(tailnet, self),
    calls,
    people: tailnet.people,
    front: (target: Target, front: FrontOptions = {}) => startFront(tailnet, target, front, stops),
    fault: api.fault,
    restart: api.restart,
    stop: async () => {
      for (const stop of stops.splice(0).reverse()) await stop()
    },
  }
  return Object.assign(daemon, own)
}
