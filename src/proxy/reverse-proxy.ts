import type { Context, Handler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type Envelope, envelopeOf, errorEvent } from '../dialect/envelope.ts'
import { toProvider } from '../dialect/request-headers.ts'
import type { BodyWatch, Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import { fromUpstream, type HeaderList } from '../http/headers.ts'
import { leavingOf } from '../http/leaving.ts'
import { idAndTime } from '../http/request-id.ts'
import type { Clock, Log } from '../platform.ts'
import {
  type Attempt,
  type Candidate,
  type Provider,
  type Send,
  UpstreamError,
  type UpstreamRequest,
} from '../upstream/upstream.ts'
import { clientCredential } from './client-credential.ts'
import {
  type Answer,
  ClientGone,
  type ExchangeLimits,
  exchange,
  type Stoppable,
} from './exchange.ts'
import { withGranted } from './granted-headers.ts'
import { judgeHead, scrubbing, secretsOf } from './response.ts'

export interface ReverseProxyOptions {
  readonly send: Send
  readonly clock: Clock
  readonly log: Log
  readonly limits: ExchangeLimits
  /** Exchanges under way. */
  readonly open: Set<Stoppable>
  /** Base URL, operation and version to the upstream's address. */
  readonly join: (
    baseurl: string,
    operation: string,
    version: string,
  ) => { origin: string; path: string }
  /** Our own credential for a provider, as headers. */
  readonly credential: (provider: Provider) => HeaderList | Promise<HeaderList>
  /** Told what became of asking a provider, for each that was asked. */
  readonly tried: (provider: string, result: Attempt, reason: string) => void
  /** A place at a provider; what it resolves with gives the place up again. */
  readonly admit: (
    provider: Provider,
    signal: () => AbortSignal,
  ) => (() => void) | Promise<() => void>
}

const encoder = new TextEncoder()

/**
 * Sends the request to the first candidate that can be reached and passes its answer on as it comes. Another candidate
 * is tried only while nothing has been sent to the one before: a prompt must not be answered, and paid, twice.
 */
export const reverseProxy = (options: ReverseProxyOptions): Handler<Env> =>
  async function reverseProxy(c) {
    let failure: unknown
    for (const candidate of c.get('candidates')) {
      const outcome = await attempt(c, candidate, options)
      if (outcome.response) return outcome.response
      failure = outcome.failure
      if (outcome.sent) break
    }
    throw failure ?? new Failure('internal_error', 'No provider was asked.')
  }

type Outcome =
  | { readonly response: Response }
  | { readonly response?: undefined; readonly failure: unknown; readonly sent: boolean }

const attempt = async (
  c: Context<Env>,
  candidate: Candidate,
  options: ReverseProxyOptions,
): Promise<Outcome> => {
  let ready: Ready
  try {
    ready = await prepare(c, candidate, options)
  } catch (failure) {
    if (c.req.raw.signal.aborted) return { failure: new ClientGone(), sent: true }
    return { failure, sent: false }
  }
  try {
    const response = await ask(c, candidate, ready, options)
    options.tried(candidate.provider.id, 'answered', '')
    return { response }
  } catch (error) {
    ready.release()
    const [result, why] = resultOf(error)
    if (result) options.tried(candidate.provider.id, result, why)
    return failed(c, candidate.provider, error, options.log)
  }
}

/** A client that left says nothing of the provider. */
const resultOf = (error: unknown): readonly [result: Attempt | undefined, why: string] => {
  if (error instanceof UpstreamError) return [error.kind, error.message]
  if (!(error instanceof Failure)) return [undefined, '']
  return [error.code === 'upstream_timeout' ? 'timeout' : 'refused', error.reason]
}

const failed = (c: Context<Env>, { id }: Provider, error: unknown, log: Log): Outcome => {
  if (!(error instanceof UpstreamError)) return { failure: error, sent: true }
  const { kind, message: reason } = error
  log('warn', 'upstream.error', { rid: c.get('requestId'), provider: id, kind, reason })
  const failure = new Failure('upstream_error', 'The model server could not be reached.', {
    reason: kind,
  })
  return { failure, sent: kind !== 'connect' }
}

/** What it takes to ask a provider. */
interface Ready {
  /** The credential and the provider's own headers: secrets, all of them. */
  readonly added: HeaderList
  /** The credential is the client's own. */
  readonly clientsOwn: boolean
  /** Gives the place at the provider up again. */
  readonly release: () => void
}

/** The place comes last: who has one asks at once. */
const prepare = async (
  c: Context<Env>,
  candidate: Candidate,
  { credential, admit }: ReverseProxyOptions,
): Promise<Ready> => {
  const { provider } = candidate
  const own = provider.authMode === 'passthrough' ? clientCredential(c) : []
  const shown = own.length > 0 ? own : await credential(provider)
  const release = await admit(provider, () => c.req.raw.signal)
  const added = withGranted(c, candidate, [...shown, ...provider.addHeaders])
  return { added, clientsOwn: own.length > 0, release }
}

const ask = async (
  c: Context<Env>,
  candidate: Candidate,
  ready: Ready,
  { send, clock, limits, join, open }: ReverseProxyOptions,
): Promise<Response> => {
  const envelope = envelopeOf(c.req.path)
  const sentAt = clock.elapsed()
  let events = false
  c.get('meter').sending(candidate)
  const answer = await exchange({
    send,
    clock,
    limits: { ...limits, firstByte: candidate.provider.limits?.firstByte ?? limits.firstByte },
    request: upstreamRequest(c, candidate, ready, join),
    leaving: leavingOf(c),
    truncate: c.env.truncate,
    open,
    accept: (status, headers) => {
      events = isEvents(typeOf(headers)) || isLines(typeOf(headers))
      return accept(c, candidate, ready, { status, headers })
    },
    // An event says it; a body in one piece, and Amazon's frames, are cut short instead.
    lastWords: (failure) => (events ? lastWords(envelope, failure, c.get('requestId')) : null),
  })
  c.get('target').sent()
  c.get('guarded')?.sent()
  const gatewayMs = sentAt - c.get('startedAt')
  const told = idAndTime(c.get('requestId'), gatewayMs, clock.elapsed() - sentAt)
  const response = respond(answer, told)
  c.set('told', response)
  return response
}

const upstreamRequest = (
  c: Context<Env>,
  candidate: Candidate,
  { added, clientsOwn }: Ready,
  join: ReverseProxyOptions['join'],
): UpstreamRequest => {
  const target = c.get('guarded') ?? c.get('target')
  const { operation, version, search } = target.address(candidate)
  const { provider, model } = candidate
  const { origin, path } = join(provider.baseurl, operation, version)
  const { dialect } = target.operation
  const { traceContext = false } = provider
  return {
    origin,
    path: path + search,
    method: target.method ?? 'POST',
    headers: toProvider(c.req.raw.headers, {
      dialect,
      clientsOwn,
      traceContext,
      added,
      contentType: target.sentType,
    }),
    body: target.forward(model),
  }
}

/** Judges the answer's head; what is wrong becomes a `Failure`, what is right a watched body. */
const accept = (
  c: Context<Env>,
  candidate: Candidate,
  { added, clientsOwn, release }: Ready,
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
): BodyWatch => {
  const contentType = typeOf(headers)
  judgeHead(status, contentType, clientsOwn)
  const metered = c.get('meter').answered(candidate, status, headers)
  const watch: BodyWatch = {
    ...metered,
    done: (outcome) => {
      release()
      metered.done(outcome)
    },
  }
  const tapped = c.get('tap')?.(candidate, { status, headers }, watch) ?? watch
  if (status >= 400) return scrubbing(tapped, secretsOf(added, candidate.provider.baseurl))
  // A stream's head goes out at once; an answer in one piece is worth nothing before its first byte.
  return { ...tapped, required: !isStream(contentType) }
}

const typeOf = (headers: HeaderList): string =>
  headers.find(([name]) => name === 'content-type')?.[1] ?? ''

const isEvents = (contentType: string): boolean => contentType.startsWith('text/event-stream')

const isLines = (contentType: string): boolean => contentType.startsWith('application/x-ndjson')

/** Server-sent events, Ollama's lines, or the frames that Amazon has instead. */
const isStream = (contentType: string): boolean =>
  isEvents(contentType) ||
  isLines(contentType) ||
  contentType.startsWith('application/vnd.amazon.eventstream')

const lastWords = (envelope: Envelope, failure: Failure, requestId: string): Uint8Array =>
  encoder.encode(errorEvent(envelope, failure, requestId))

const respond = (
  { status, headers, body }: Answer,
  told: Readonly<Record<string, string>>,
): Response => {
  const kept = { ...fromUpstream(headers), ...told }
  const length = headers.find(([name]) => name === 'content-length')?.[1]
  if (isStream(kept['content-type'] ?? '')) {
    // nginx holds back answers unless told not to, and a proxy that compresses would hold back frames.
    kept['cache-control'] = 'no-cache, no-transform'
    kept['x-accel-buffering'] = 'no'
  } else if (length !== undefined && status < 400) {
    // Unchanged bytes keep their length; an error's may have been scrubbed.
    kept['content-length'] = length
  }
  return new Response(body, { status: status as ContentfulStatusCode, headers: kept })
}
