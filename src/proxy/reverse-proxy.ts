import type { Context, Handler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type Envelope, envelopeOf, errorEvent } from '../dialect/envelope.ts'
import type { BodyWatch, Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import { fromUpstream, type HeaderList, toUpstream } from '../http/headers.ts'
import { serverTiming } from '../http/request-id.ts'
import type { Clock, Log } from '../platform.ts'
import {
  type Candidate,
  type Provider,
  type Send,
  UpstreamError,
  type UpstreamRequest,
} from '../upstream/upstream.ts'
import { type Answer, type ExchangeLimits, exchange, type Stoppable } from './exchange.ts'
import { judgeHead, scrubbing } from './response.ts'

export interface ReverseProxyOptions {
  readonly send: Send
  readonly clock: Clock
  readonly log: Log
  readonly limits: ExchangeLimits
  /** Exchanges under way. */
  readonly open: Set<Stoppable>
  /** Base URL and operation to the upstream's address. */
  readonly join: (baseurl: string, operation: string) => { origin: string; path: string }
}

const encoder = new TextEncoder()

/**
 * Sends the request to the first candidate that can be reached and passes its answer on as it comes. Another candidate
 * is tried only while nothing has been sent to the one before: a prompt must not be answered, and paid, twice.
 */
export const reverseProxy = (options: ReverseProxyOptions): Handler<Env> =>
  async function reverseProxy(c) {
    const candidates = c.get('candidates')
    for (const [index, candidate] of candidates.entries()) {
      try {
        return await attempt(c, candidate, options)
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error
        options.log('warn', 'upstream.error', {
          rid: c.get('requestId'),
          provider: candidate.provider.id,
          kind: error.kind,
          reason: error.message,
        })
        if (error.kind === 'connect' && index < candidates.length - 1) continue
        throw new Failure('upstream_error', 'The model server could not be reached.', {
          reason: error.kind,
        })
      }
    }
    throw new Failure('internal_error', 'No provider was asked.')
  }

const attempt = async (
  c: Context<Env>,
  candidate: Candidate,
  { send, clock, limits, join, open }: ReverseProxyOptions,
): Promise<Response> => {
  const envelope = envelopeOf(c.req.path)
  const sentAt = clock.elapsed()
  c.get('meter').sending()
  const answer = await exchange({
    send,
    clock,
    limits,
    request: upstreamRequest(c, candidate, join),
    signal: c.req.raw.signal,
    truncate: c.env.truncate,
    open,
    accept: (status, headers) => accept(c, candidate, status, headers),
    lastWords: (failure) => lastWords(c, envelope, failure),
  })
  const gatewayMs = sentAt - c.get('startedAt')
  return respond(answer, serverTiming(gatewayMs, clock.elapsed() - sentAt))
}

const upstreamRequest = (
  c: Context<Env>,
  { provider, model }: Candidate,
  join: ReverseProxyOptions['join'],
): UpstreamRequest => {
  const target = c.get('target')
  const body = target.forward(model)
  return {
    ...join(provider.baseurl, target.operation.operation),
    method: 'POST',
    headers: [...toUpstream(c.req.raw.headers), ...credential(provider), ...provider.addHeaders],
    body,
  }
}

const credential = ({ authorization, apikey }: Provider): [string, string][] => {
  if (apikey === '') return []
  return authorization === 'bearer'
    ? [['authorization', `Bearer ${apikey}`]]
    : [[authorization, apikey]]
}

/** Judges the answer's head; what is wrong becomes a `Failure`, what is right a watched body. */
const accept = (
  c: Context<Env>,
  candidate: Candidate,
  status: number,
  headers: HeaderList,
): BodyWatch => {
  const contentType = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  judgeHead(status, contentType)
  const watch = c.get('meter').answered(candidate, status, contentType)
  if (status >= 400) return scrubbing(watch, candidate.provider)
  // A stream's head goes out at once; an answer in one piece is worth nothing before its first byte.
  return { ...watch, required: !contentType.startsWith('text/event-stream') }
}

/** An event for streams; nothing for a body in one piece, which is cut short instead. */
const lastWords = (c: Context<Env>, envelope: Envelope, failure: Failure): Uint8Array | null =>
  c.get('target').stream ? encoder.encode(errorEvent(envelope, failure, c.get('requestId'))) : null

const respond = ({ status, headers, body }: Answer, timing: string): Response => {
  const kept = fromUpstream(headers)
  kept['server-timing'] = timing
  const length = headers.find(([name]) => name === 'content-length')?.[1]
  if (kept['content-type']?.startsWith('text/event-stream')) {
    // nginx holds back answers unless told not to, and a proxy that compresses would hold back frames.
    kept['cache-control'] = 'no-cache, no-transform'
    kept['x-accel-buffering'] = 'no'
  } else if (length !== undefined && status < 400) {
    // Unchanged bytes keep their length; an error's may have been scrubbed.
    kept['content-length'] = length
  }
  return new Response(body, { status: status as ContentfulStatusCode, headers: kept })
}
