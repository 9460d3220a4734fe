import type { Peer } from '../peers/peer.ts'
import type { Running } from '../peers/running.ts'
import type { Plan } from '../plan.ts'
import type { MemoryResult, Missing, PeerResult, RequestRound, StreamRound } from '../result.ts'
import { say } from '../say.ts'
import { withStub } from '../stub/stub.ts'
import { measureOpenStreams } from './memory.ts'
import { measureRequests } from './requests.ts'
import { inRounds } from './rounds.ts'
import { measureStarts } from './starts.ts'
import { measureStreams } from './streams.ts'
import { reasonOf, together } from './together.ts'

/** What is known of a peer so far. */
interface Notes {
  version: string
  startLine: string
  readonly coldStarts: number[]
  memory?: MemoryResult
  requests: readonly RequestRound[]
  streams: readonly StreamRound[]
}

export interface Measured {
  readonly peers: readonly PeerResult[]
  readonly missing: readonly Missing[]
}

/** Everything that is measured of every peer. */
export const measureAll = async (plan: Plan, peers: readonly Peer[]): Promise<Measured> => {
  const missing: Missing[] = []
  const notes = new Map<string, Notes>(
    peers.map(({ name }) => [
      name,
      { version: '', startLine: '', coldStarts: [], requests: [], streams: [] },
    ]),
  )
  await withStub('plain', (url) => requestsOf(plan, peers, url, notes, missing))
  const running = peers.filter(({ name }) => notes.get(name)?.startLine !== '' || name === 'direct')
  await withStub('stream', (url) => streamsOf(plan, running, url, notes, missing))
  for (const peer of running) note(notes, peer).version = await peer.version()
  const results = running.map((peer) => ({
    name: peer.name,
    title: peer.title,
    does: peer.does,
    ...note(notes, peer),
  }))
  return { peers: results, missing }
}

const note = (notes: ReadonlyMap<string, Notes>, { name }: Peer): Notes => notes.get(name) as Notes

const began = (notes: ReadonlyMap<string, Notes>, running: readonly Running[]): void => {
  for (const { peer, startLine, coldStart } of running) {
    const each = note(notes, peer)
    each.startLine = startLine
    if (coldStart > 0) each.coldStarts.push(coldStart)
  }
}

const requestsOf = async (
  plan: Plan,
  peers: readonly Peer[],
  url: string,
  notes: ReadonlyMap<string, Notes>,
  missing: Missing[],
): Promise<void> => {
  const done = await together('requests', peers, url, async (running) => {
    began(notes, running)
    const idle = new Map(running.map(({ peer, memory }) => [peer.name, memory().now]))
    const rounds = await inRounds('requests', running, plan.rounds, measureRequests(plan.requests))
    for (const { peer, memory } of running) {
      const each = note(notes, peer)
      each.requests = rounds.found.get(peer.name) ?? []
      each.memory = { idle: idle.get(peer.name) ?? 0, peak: memory().peak }
    }
    missing.push(...rounds.missing)
  })
  missing.push(...done.missing)
  for (const peer of peers) {
    if (note(notes, peer).startLine === '') continue
    note(notes, peer).coldStarts.push(...(await measureStarts(peer, url, plan.starts)))
    say(`starts of ${peer.name}: ${note(notes, peer).coldStarts.map(Math.round).join(', ')} ms`)
  }
}

const streamsOf = async (
  plan: Plan,
  peers: readonly Peer[],
  url: string,
  notes: ReadonlyMap<string, Notes>,
  missing: Missing[],
): Promise<void> => {
  const done = await together('streams', peers, url, async (running) => {
    began(notes, running)
    const rounds = await inRounds('streams', running, plan.rounds, measureStreams(plan.streams))
    for (const { peer, memory } of running) {
      const each = note(notes, peer)
      each.streams = rounds.found.get(peer.name) ?? []
      const { idle = 0, peak = 0 } = each.memory ?? {}
      each.memory = { idle, peak: Math.max(peak, memory().peak) }
    }
    missing.push(...rounds.missing)
  })
  missing.push(...done.missing)
  if (plan.everything) await openStreamsOf(peers, url, notes, missing)
}

const openStreamsOf = async (
  peers: readonly Peer[],
  url: string,
  notes: ReadonlyMap<string, Notes>,
  missing: Missing[],
): Promise<void> => {
  for (const peer of peers.filter(({ name }) => name !== 'direct')) {
    const what = 'open streams'
    const done = await together(what, [peer], url, async ([running]) => {
      if (running === undefined) return
      const perStream = await measureOpenStreams(running)
      say(`${what} of ${peer.name}: ${(perStream / 1024).toFixed(0)} KiB each`)
      const { idle = 0, peak = 0 } = note(notes, peer).memory ?? {}
      note(notes, peer).memory = { idle, peak, perStream }
    }).catch((error: unknown) => ({
      missing: [{ name: peer.name, what, reason: reasonOf(error) }],
    }))
    for (const each of done.missing) say(`${each.what} ${each.name} FAILED: ${each.reason}`)
    missing.push(...done.missing)
  }
}
