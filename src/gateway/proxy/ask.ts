import type { Context } from 'hono'
import { Failure } from '../../platform/failure.ts'
import type { Candidate, HeaderList, UpstreamRequest } from '../../platform/upstream.ts'
import { isStreamed, labelledKind } from '../answer/kind.ts'
import { type AnswerReading, readingOf } from '../answer/reading.ts'
import { envelopeOf, errorBody, errorEvent } from '../dialect/envelope.ts'
import { toProvider } from '../dialect/request-headers.ts'
import { disconnectOf } from '../http/disconnect.ts'
import type { AnswerHead, BodyWatch, Env } from '../http/env.ts'
import { watchAnswer } from './answer-watch.ts'
import { type Answer, exchange } from './exchange.ts'
import {
  clientError,
  type ProviderError,
  readError,
  refuseOwnCredential,
} from './provider-error.ts'
import { respond, respondWithError } from './respond.ts'
import type { Ready, ReverseProxyOptions } from './reverse-proxy.ts'
import { withoutSecrets } from './secrets.ts'

export interface Asking {
  readonly c: Context<Env>
  readonly candidate: Candidate
  readonly ready: Ready
  readonly options: ReverseProxyOptions
}

export interface Answered {
  readonly response: Response
  /** Status and code of the error that the response is; absent: it is none. */
  readonly error?: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Asks a provider, and once more without the usage of a stream where it may have been refused for that: the client must
 * not be blamed for a field that it did not send.
 */
export const ask = async (asking: Asking): Promise<Answered> => {
  const { c, candidate, ready, options } = asking
  const { clock, quirks } = options
  const { provider } = candidate
  const startedAt = clock.elapsed()
  const asksUsage = isUsageAdded(c) && quirks.asksUsage(provider)
  let answer = await send(asking, asksUsage)
  let error = answer.status < 400 ? undefined : readError(answer, ready.finder)
  if (error && asksUsage && mayRefuseUsage(error, quirks.hasTakenUsage(provider))) {
    answer = await send(asking, false)
    error = answer.status < 400 ? undefined : readError(answer, ready.finder)
    if (!error) quirks.refusedUsage(provider)
  } else if (!error && asksUsage) quirks.tookUsage(provider)
  // From here on the body is needed by nothing but what said so.
  c.get('target').sent()
  c.get('guarded')?.sent()
  const timing = { gateway: startedAt - c.get('startedAt'), upstream: clock.elapsed() - startedAt }
  if (!error) return { response: respond(c, answer, timing, clock) }
  return { response: showError(asking, error, timing), error: `${error.status} ${error.code}` }
}

/** A chat streams whose client did not ask for its usage: we do. */
const isUsageAdded = (c: Context<Env>): boolean => {
  const { stream, usageAsked, operation } = c.get('target')
  return stream && !usageAsked && operation.operation.endsWith('completions')
}

/** A provider that took `stream_options` before means something else, unless it names them. */
const mayRefuseUsage = ({ status, bytes }: ProviderError, acceptedBefore: boolean): boolean => {
  if (status !== 400 && status !== 422) return false
  return !acceptedBefore || /stream_?options|include_?usage/i.test(decoder.decode(bytes))
}

export interface UpstreamAnswer extends Answer {
  /** Absent for an error, of which all is there. */
  readonly reading: AnswerReading | undefined
}

const send = async (asking: Asking, asksUsage: boolean): Promise<UpstreamAnswer> => {
  const { c, candidate, options } = asking
  const { clock, limits, activeExchanges } = options
  let reading: AnswerReading | undefined
  let headers: HeaderList = []
  c.get('meter').sending(candidate)
  const answer = await exchange({
    send: options.send,
    clock,
    limits: { ...limits, firstByte: candidate.provider.limits?.firstByte ?? limits.firstByte },
    request: upstreamRequest(asking, asksUsage),
    disconnect: disconnectOf(c),
    truncate: c.env.truncate,
    activeExchanges,
    accept: (status, came) => {
      refuseStatus(status)
      headers = withoutSecrets(came, asking.ready.finder)
      if (status >= 400) return null
      reading = readingOf({ status, headers }, c.get('target'))
      return accept(asking, { status, headers, reading })
    },
    errorFrame: (failure) => (reading ? errorFrame(c, reading, failure) : null),
  })
  return { ...answer, headers, reading }
}

const upstreamRequest = (
  { c, candidate, ready, options }: Asking,
  asksUsage: boolean,
): UpstreamRequest => {
  const target = c.get('guarded') ?? c.get('target')
  const { operation, version, search } = target.address(candidate)
  const { provider, model } = candidate
  const { origin, path } = options.join(provider.baseurl, operation, version)
  return {
    origin,
    path: path + search,
    method: target.method ?? 'POST',
    headers: toProvider(c.req.raw.headers, {
      dialect: target.operation.dialect,
      clientsOwn: ready.clientsOwn,
      traceContext: provider.traceContext ?? false,
      added: ready.added,
      contentType: target.sentType,
    }),
    body: target.forward(model, asksUsage),
  }
}

/**
 * A redirect would carry key and prompt elsewhere: `fetch` and its kin send `x-api-key` along with it.
 * @throws Failure `upstream_error`
 */
const refuseStatus = (status: number): void => {
  if (status >= 300 && status < 400) {
    const message = 'The model server answered with a redirect, which is not followed.'
    throw new Failure('upstream_error', message, { reason: 'upstream_redirect' })
  }
  if (status > 599) {
    const message = 'The model server answered with a status that does not exist.'
    throw new Failure('upstream_error', message, { reason: `upstream_${status}` })
  }
}

type Accepted = AnswerHead & { readonly reading: AnswerReading }

const accept = (asking: Asking, head: Accepted): BodyWatch => {
  const { headers, reading } = head
  const watch = observed(asking, head)
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  const goesAtOnce = reading.agreed && isStreamed(labelledKind(type))
  const required = !goesAtOnce && !asking.c.get('target').mayBeEmpty
  const hasLength = headers.some(([name]) => name === 'content-length')
  return watchAnswer({
    reading,
    finder: asking.ready.finder,
    hasLength,
    goesAtOnce,
    required,
    watch,
  })
}

/** All that watch an answer: ledger, hooks and captures. */
const observed = ({ c, candidate, ready }: Asking, head: AnswerHead): BodyWatch => {
  const metered = c.get('meter').answered(candidate, head)
  const watch: BodyWatch = {
    ...metered,
    done: (outcome, errorCode) => {
      ready.release()
      metered.done(outcome, errorCode)
    },
  }
  return c.get('tap')?.(candidate, head, watch) ?? watch
}

/** An event or a line says it; a body in one piece, a list and Amazon's frames are cut short instead. */
const errorFrame = (
  c: Context<Env>,
  { assumed, nextSequence }: AnswerReading,
  failure: Failure,
): Uint8Array | null => {
  const envelope = envelopeOf(c.req.path)
  const id = c.get('requestId')
  if (assumed === 'lines') {
    return encoder.encode(`\n${JSON.stringify(errorBody(envelope, failure, id))}\n`)
  }
  if (assumed !== 'events') return null
  const isResponses = c.get('target').operation.dialect === 'openai_responses'
  return encoder.encode(errorEvent(envelope, failure, id, isResponses ? nextSequence : undefined))
}

/** An error goes out whole and clean, with the status that it came with. */
const showError = (
  asking: Asking,
  error: ProviderError,
  timing: Parameters<typeof respond>[2],
): Response => {
  const { c, candidate, ready, options } = asking
  if (!ready.clientsOwn || error.status === 407) refuseOwnCredential(error)
  const requestId = c.get('requestId')
  const answer = clientError(error, { envelope: envelopeOf(c.req.path), requestId })
  const { status, body } = answer
  const reading = readingOf(answer, undefined)
  const watch = observed(asking, { ...answer, reading })
  reading.push(body)
  reading.flush()
  watch.push(body)
  watch.flush()
  watch.done('upstream_error', error.code)
  options.log(status < 500 ? 'info' : 'warn', 'upstream.refused', {
    rid: requestId,
    provider: candidate.provider.id,
    status,
    code: error.code,
  })
  return respondWithError(c, answer, timing, options.clock)
}
