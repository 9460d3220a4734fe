import { streamBody } from '../load/chat.ts'
import { allStreamed, type ClientOptions, streamLoad } from '../load/streams.ts'
import type { Running } from '../peers/running.ts'
import type { StreamRound } from '../result.ts'

/** 50 frames a second each, five seconds long. */
const steady = { streams: 200, body: streamBody(250, 20), ramp: 2, skip: 3 }
/** One second long, so that there are many beginnings. */
const brief = { streams: 100, body: streamBody(50, 20), ramp: 1, skip: 2 }

/** 10,000 frames a second through 200 streams, then what begins while 100 are open. */
export const measureStreams =
  (seconds: number) =>
  async (running: Running): Promise<StreamRound> => {
    let before = 0
    const flow = await load(running, { ...steady, seconds }, () => {
      before = running.cpu()
    })
    const cpu = running.cpu() - before
    const begun = await load(running, { ...brief, seconds }, () => {})
    return {
      framesPerSecond: flow.frames / seconds,
      cpuPerThousandFrames: (cpu / flow.frames) * 1000,
      delay: flow.delay,
      first: begun.first,
    }
  }

const load = async (
  { peer, url, headers }: Running,
  options: Pick<ClientOptions, 'streams' | 'body' | 'ramp' | 'skip' | 'seconds'>,
  counting: () => void,
) => allStreamed(await streamLoad({ ...options, url, headers }, counting), peer.name)
