import type { Context, ErrorHandler } from 'hono'
import { Failure } from '../../platform/failure.ts'
import type { Clock, Log, LogLevel } from '../../platform/platform.ts'
import { envelopeFor, errorBody, errorHeaders, statusFor } from '../dialect/envelope.ts'
import type { Env } from './env.ts'
import { idAndTime } from './log/request-id.ts'

export interface OnErrorOptions {
  readonly log: Log
  readonly clock: Clock
  /** Errors that mean that nobody is there to read an answer. */
  readonly isClientGone: (error: Error) => boolean
}

/** The only place that makes an error response. What is no `Failure` is our own fault: the log gets the cause. */
export const onError = ({ log, clock, isClientGone }: OnErrorOptions): ErrorHandler<Env> =>
  function onError(error, c) {
    if (isClientGone(error)) return new Response(null, { status: 499 })
    if (error instanceof Failure) {
      note(log, c, error)
      return answer(c, error, clock)
    }
    log('error', 'internal', { rid: c.get('requestId'), reason: error.stack ?? String(error) })
    const failure = new Failure('internal_error', 'The gateway failed. The log has the cause.')
    return answer(c, failure, clock)
  }

/** Refusals of the wire and of upstreams are logged with their private reason; the others are logged where they arise. */
const note = (log: Log, c: Context<Env>, failure: Failure): void => {
  const [level, evt] = eventOf(failure)
  log(level, evt, {
    ip: c.get('client')?.ip ?? c.env.peer,
    rid: c.get('requestId'),
    route: c.req.path,
    status: failure.status,
    code: failure.code,
    reason: failure.reason,
  })
}

/** Identity that contradicts itself is nobody's mistake: nothing genuine sends it. */
const eventOf = ({ code, status }: Failure): readonly [LogLevel, string] => {
  if (code === 'identity_conflict') return ['warn', 'ident.reject']
  return status >= 500 ? ['warn', 'http.fail'] : ['debug', 'http.reject']
}

const answer = (c: Context<Env>, failure: Failure, clock: Clock): Response => {
  const { path } = c.req
  const id = c.get('requestId') ?? ''
  const envelope = envelopeFor(path, (name) => c.req.header(name))
  const status = statusFor(envelope, failure)
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    ...errorHeaders(envelope, { status, code: failure.code }),
    ...failure.headers,
    ...idAndTime({ id, envelope }, clock.elapsed() - c.get('startedAt')),
  }
  if (failure.close) headers.connection = 'close'
  const { code, message, details } = failure
  const body = errorBody(envelope, { status, code, message, details }, id)
  const response = new Response(JSON.stringify(body), { status, headers })
  c.set('timingWritten', response)
  return response
}
