import type { Context } from 'hono'
import type { Clock } from '../../platform/platform.ts'
import type { HeaderList } from '../../platform/upstream.ts'
import { isStreamed, labelledKind, MEDIA_TYPES, mediaType } from '../answer/kind.ts'
import { envelopeOf } from '../dialect/envelope.ts'
import type { Env } from '../http/env.ts'
import { fromUpstream } from '../http/headers.ts'
import { idAndTime } from '../http/log/request-id.ts'
import type { UpstreamAnswer } from './ask.ts'
import type { ClientError } from './provider-error.ts'

/** ms spent in the gateway, and until the upstream's answer. */
export interface Timing {
  readonly gateway: number
  readonly upstream: number
}

type Headers = Record<string, string>

export const respond = (
  c: Context<Env>,
  { status, headers, body, reading }: UpstreamAnswer,
  timing: Timing,
  clock: Clock,
): Response => {
  const shownHeaders = headersOf(c, headers, timing, clock)
  if (reading) correctType(shownHeaders, reading.assumed)
  const length = headers.find(([name]) => name === 'content-length')?.[1]
  if (isStreamed(reading?.assumed)) {
    // nginx holds back answers unless told not to, and a proxy that compresses would hold back frames.
    shownHeaders['cache-control'] = 'no-cache, no-transform'
    shownHeaders['x-accel-buffering'] = 'no'
  } else if (length !== undefined) shownHeaders['content-length'] = length
  return createResponse(c, body, status, shownHeaders)
}

/** Labels an answer as what it is. Some clients compare media types as they are written, though they have no case. */
const correctType = (shownHeaders: Headers, kind: keyof typeof MEDIA_TYPES): void => {
  const type = shownHeaders['content-type'] ?? ''
  const isRight = labelledKind(type) === kind && type.startsWith(mediaType(type))
  // A list is JSON that comes in pieces.
  if (isRight || (kind === 'list' && labelledKind(type) === 'json')) return
  const right = MEDIA_TYPES[kind]
  if (right !== undefined) shownHeaders['content-type'] = right
}

export const respondWithError = (
  c: Context<Env>,
  { status, headers, body }: ClientError,
  timing: Timing,
  clock: Clock,
): Response => {
  const shownHeaders = headersOf(c, headers, timing, clock)
  shownHeaders['content-length'] = String(body.byteLength)
  return createResponse(c, body as Uint8Array<ArrayBuffer>, status, shownHeaders)
}

const headersOf = (c: Context<Env>, headers: HeaderList, timing: Timing, clock: Clock): Headers => {
  const envelope = envelopeOf(c.req.path)
  return {
    ...fromUpstream(headers, envelope, clock.now()),
    ...idAndTime({ id: c.get('requestId'), envelope }, timing.gateway, timing.upstream),
  }
}

const createResponse = (
  c: Context<Env>,
  body: UpstreamAnswer['body'],
  status: number,
  headers: Headers,
): Response => {
  const response = new Response(body, { status, headers })
  c.set('timingWritten', response)
  return response
}
