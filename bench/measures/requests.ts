import { chatBody } from '../load/chat.ts'
import { allServed, type WrkResult, wrk } from '../load/wrk.ts'
import type { Running } from '../peers/running.ts'
import type { RequestRound } from '../result.ts'

export interface RequestTimes {
  /** Seconds before the first round, for what compiles while it runs. */
  readonly warm: number
  readonly many: number
  readonly alone: number
}

const connections = 32

/** As many requests as it can, then one after the other on one connection. */
export const measureRequests =
  ({ warm, many, alone }: RequestTimes) =>
  async (running: Running, round: number): Promise<RequestRound> => {
    await load(running, connections, round === 0 ? warm : 1)
    const before = running.cpu()
    const crowd = await load(running, connections, many)
    const cpu = running.cpu() - before
    const single = await load(running, 1, alone)
    return {
      rate: crowd.requests / crowd.seconds,
      cpuPerThousand: (cpu / crowd.requests) * 1000,
      p50: crowd.p50,
      p99: crowd.p99,
      alone: { p50: single.p50, p99: single.p99 },
    }
  }

const load = async (
  { peer, url, headers }: Running,
  connections: number,
  seconds: number,
): Promise<WrkResult> =>
  allServed(await wrk({ url, headers, body: chatBody, connections, seconds }), peer.name)
