import { caddyWithPassword } from '../peers/caddy.ts'
import type { Peer } from '../peers/peer.ts'
import { person } from '../peers/person.ts'
import { postern, posternBehindProxy, posternWithRows } from '../peers/postern.ts'
import { type Running, startPeer } from '../peers/running.ts'
import type { FloodResult, LockedResult, Missing, Result } from '../result.ts'
import { say } from '../say.ts'
import { withStub } from '../stub/stub.ts'
import { measureFlood } from './flood.ts'
import { filledLedger, measureLedger } from './ledger.ts'
import { measureLocked } from './locked.ts'
import { measurePages } from './pages.ts'
import { reasonOf } from './together.ts'

type Rest = Pick<Result, 'flood' | 'locked' | 'ledger' | 'pages' | 'missing'>

/** What only some of them can be asked: floods of wrong passwords, a locked database, a long ledger. */
export const measureRest = async (): Promise<Rest> => {
  const missing: Missing[] = []
  const attempt = async <T>(what: string, name: string, work: () => Promise<T>) => {
    try {
      const found = await work()
      say(`${what} ${name}: ${JSON.stringify(found)}`)
      return found
    } catch (error) {
      missing.push({ name, what, reason: reasonOf(error) })
      say(`${what} ${name} FAILED: ${reasonOf(error)}`)
      return undefined
    }
  }
  const flood: FloodResult[] = []
  let locked: LockedResult | undefined
  await withStub('plain', async (url) => {
    for (const [peer, seconds] of [
      [posternBehindProxy, 5],
      [caddyWithPassword, 10],
    ] as const) {
      const found = await attempt('flood', peer.name, () => flooded(peer, url, seconds))
      if (found) flood.push(found)
    }
    locked = await attempt('locked', postern.name, () => running(postern, url, measureLocked))
  })
  const ledger = await attempt('ledger', postern.name, measureLedger)
  const pages =
    ledger &&
    (await attempt('pages', postern.name, () =>
      withStub('plain', (url) => running(posternWithRows(filledLedger()), url, measurePages)),
    ))
  return {
    flood,
    ...(locked && { locked }),
    ...(ledger && { ledger }),
    ...(pages && { pages }),
    missing,
  }
}

const running = async <T>(
  peer: Peer,
  url: string,
  work: (each: Running) => Promise<T>,
): Promise<T> => {
  const each = await startPeer(peer, url)
  try {
    return await work(each)
  } finally {
    await each.stop()
  }
}

const flooded = (peer: Peer, url: string, seconds: number): Promise<FloodResult> =>
  running(peer, url, (each) => {
    const headers = { ...each.headers, authorization: person.guess }
    return measureFlood(each, { ...headers, 'x-forwarded-for': '203.0.113.7' }, seconds)
  })
