import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../../../platform/platform.ts'
import { type Envelope, envelopeFor } from '../../dialect/envelope.ts'
import type { Env } from '../env.ts'

export interface RequestIdOptions {
  readonly clock: Clock
  readonly newId: () => string
}

/**
 * Gives every request an id and every answer the headers that tell it and the time spent here. The client's own
 * `X-Request-Id` is not taken over: it could forge another request's trail in the log.
 */
export const requestId = ({ clock, newId }: RequestIdOptions): MiddlewareHandler<Env> =>
  async function requestId(c, next) {
    const started = clock.elapsed()
    const id = newId()
    c.set('requestId', id)
    c.set('startedAt', started)
    await next()
    if (c.get('timingWritten') === c.res) return
    const envelope = envelopeFor(c.req.path, (name) => c.req.header(name))
    const written = idAndTime({ id, envelope }, clock.elapsed() - started)
    for (const [name, value] of Object.entries(written)) {
      c.res.headers.set(name, value)
    }
  }

/**
 * The id, where Anthropic's SDKs look for it as well on their paths, and `Server-Timing` (W3C): ms spent in the gateway,
 * and to the upstream's first byte where there was one.
 */
export const idAndTime = (
  { id, envelope }: { readonly id: string; readonly envelope: Envelope },
  gatewayMs: number,
  upstreamMs?: number,
): Readonly<Record<string, string>> => {
  const gateway = `gateway;dur=${gatewayMs.toFixed(2)}`
  const timing =
    upstreamMs === undefined ? gateway : `${gateway}, upstream;dur=${upstreamMs.toFixed(2)}`
  const headers = { 'x-request-id': id, 'server-timing': timing }
  return envelope === 'anthropic' ? { ...headers, 'request-id': id } : headers
}
