import { chatBody } from '../load/chat.ts'
import { wrk } from '../load/wrk.ts'
import { ask } from '../peers/ask.ts'
import type { Running } from '../peers/running.ts'
import type { FloodResult } from '../result.ts'

const connections = 32
/** More than it takes to be shut out where there is such a thing. */
const guesses = 8

/** Wrong passwords from one address, as many as it can refuse once it has had enough of them. */
export const measureFlood = async (
  { peer, url, cpu }: Running,
  headers: Readonly<Record<string, string>>,
  seconds: number,
): Promise<FloodResult> => {
  for (let i = 0; i < guesses; i++) await ask(url, headers, chatBody)
  const options = { url, headers, body: chatBody, connections }
  await wrk({ ...options, seconds: 2 })
  const before = cpu()
  const { requests, refused, broken, seconds: took, p99 } = await wrk({ ...options, seconds })
  if (refused !== requests || broken > 0) throw new Error(`${peer.name}: let guesses in, or broke`)
  const spent = cpu() - before
  const { name, title } = peer
  return { name, title, rate: requests / took, cpuPerThousand: (spent / requests) * 1000, p99 }
}
