import { streamBody } from '../load/chat.ts'
import { allStreamed, type StreamCounts, streamLoad } from '../load/streams.ts'
import type { Running } from '../peers/running.ts'

const many = 2_000

/** Bytes that each of 2,000 open streams costs, a frame a second on each. */
export const measureOpenStreams = async ({ peer, url, headers, ...running }: Running) => {
  const load = async (
    streams: number,
    ramp: number,
    counting: () => void,
  ): Promise<StreamCounts> => {
    const body = streamBody(60, 1000)
    const times = { ramp, skip: ramp + 4, seconds: 2 }
    return allStreamed(
      await streamLoad({ url, headers, body, streams, ...times }, counting),
      peer.name,
    )
  }
  await load(100, 1, () => {})
  const before = running.memory().now
  let during = 0
  const { open } = await load(many, 6, () => {
    during = running.memory().now
  })
  if (open !== many) throw new Error(`${peer.name}: ${open} of ${many} streams were open`)
  return (during - before) / many
}
