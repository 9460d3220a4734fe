import type { Handler } from 'hono'
import type { Env } from '../../gateway/http/env.ts'
import type { Caller } from '../../platform/caller.ts'

export interface LiveOptions {
  /** Calls back with the login of each new row. Returns how to stop. */
  readonly listen: (heard: (login: string) => void) => () => void
  /** The gateway is about to end. */
  readonly draining: () => boolean
}

/** ms between two events, however much happens. */
const pace = 1000
/** Beats between two signs of life, so that nothing on the way takes the connection for dead. */
const quietBeats = 15
/** Pages that may listen at once. */
const most = 200

/** `GET /ui/live`: an event when the ledger has something new that this person may see. It says no more than that. */
export const showLive = ({ listen, draining }: LiveOptions): Handler<Env> => {
  let open = 0
  return (c) => {
    // 204 tells a browser not to ask again (HTML standard §9.2).
    if (open >= most) return c.body(null, 204)
    const { login } = c.get('auth').caller as Caller
    const all = c.get('permissions').role === 'admin'
    const encoder = new TextEncoder()
    let stop = () => {}
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        open += 1
        let news = false
        let beats = 0
        const unlisten = listen((whose) => {
          news ||= all || whose === login
        })
        const timer = setInterval(() => {
          if (draining()) return finish()
          beats += 1
          if (!news && beats < quietBeats) return
          controller.enqueue(encoder.encode(news ? 'data: new\n\n' : ':\n\n'))
          news = false
          beats = 0
        }, pace)
        const finish = () => {
          stop()
          controller.close()
        }
        stop = () => {
          stop = () => {}
          open -= 1
          clearInterval(timer)
          unlisten()
        }
        controller.enqueue(encoder.encode('retry: 3000\n\n'))
      },
      cancel: () => stop(),
    })
    return c.body(body, 200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
  }
}
