import type { Context, Handler } from 'hono'
import { Failure } from '../../platform/failure.ts'
import type { Clock, Log } from '../../platform/platform.ts'
import type { HeaderList } from '../../platform/upstream.ts'
import {
  type Attempt,
  type Candidate,
  type Provider,
  type Send,
  UpstreamError,
} from '../../platform/upstream.ts'
import type { NeedleFinder } from '../answer/needles.ts'
import type { Env } from '../http/env.ts'
import { ask } from './ask.ts'
import { clientCredential } from './client-credential.ts'
import { ClientGone, type ExchangeLimits, type Stoppable } from './exchange.ts'
import { withGranted } from './granted-headers.ts'
import { createFinders } from './secrets.ts'

/** What is known of how providers take `stream_options`. */
export interface Quirks {
  /** May a chat be asked for its usage, which its client did not? */
  asksUsage(provider: Provider): boolean
  /** The provider has taken such a request before. */
  hasTakenUsage(provider: Provider): boolean
  tookUsage(provider: Provider): void
  refusedUsage(provider: Provider): void
}

export interface ReverseProxyOptions {
  readonly send: Send
  readonly clock: Clock
  readonly log: Log
  readonly limits: ExchangeLimits
  /** Exchanges under way. */
  readonly activeExchanges: Set<Stoppable>
  /** Base URL, operation and version to the upstream's address. */
  readonly join: (
    baseurl: string,
    operation: string,
    version: string,
  ) => { origin: string; path: string }
  /** Our own credential for a provider, as headers. */
  readonly credential: (provider: Provider) => HeaderList | Promise<HeaderList>
  readonly quirks: Quirks
  /** Records how each attempt at a provider ended. */
  readonly recordAttempt: (provider: string, result: Attempt, reason: string) => void
  /** A place at a provider; what it resolves with gives the place up again. */
  readonly admit: (
    provider: Provider,
    signal: () => AbortSignal,
  ) => (() => void) | Promise<() => void>
}

/** What it takes to ask a provider. */
export interface Ready {
  /** The credential and the provider's own headers. */
  readonly added: HeaderList
  /** The credential is the client's own. */
  readonly clientsOwn: boolean
  /** What must not come back in the answer. */
  readonly finder: NeedleFinder
  /** Gives the place at the provider up again. */
  readonly release: () => void
}

type Finders = ReturnType<typeof createFinders>

/**
 * Sends the request to the first candidate that can be reached and passes its answer on as it comes. Another candidate
 * is tried only while nothing has been sent to the one before: a prompt must not be answered, and paid, twice.
 */
export const reverseProxy = (options: ReverseProxyOptions): Handler<Env> => {
  const finders = createFinders()
  return async function reverseProxy(c) {
    let failure: unknown
    for (const candidate of c.get('candidates')) {
      const outcome = await attempt(c, candidate, options, finders)
      if (outcome.response) return outcome.response
      failure = outcome.failure
      if (outcome.sent) break
    }
    throw failure ?? new Failure('internal_error', 'No provider was asked.')
  }
}

type Outcome =
  | { readonly response: Response }
  | { readonly response?: undefined; readonly failure: unknown; readonly sent: boolean }

const attempt = async (
  c: Context<Env>,
  candidate: Candidate,
  options: ReverseProxyOptions,
  finders: Finders,
): Promise<Outcome> => {
  const { id } = candidate.provider
  let ready: Ready
  try {
    ready = await prepare(c, candidate, options, finders)
  } catch (failure) {
    if (c.req.raw.signal.aborted) return { failure: new ClientGone(), sent: true }
    return { failure, sent: false }
  }
  try {
    const { response, error } = await ask({ c, candidate, ready, options })
    options.recordAttempt(id, error === undefined ? 'answered' : 'error', error ?? '')
    return { response }
  } catch (error) {
    ready.release()
    const [result, why] = resultOf(error)
    if (result) {
      options.recordAttempt(id, result, why)
      c.get('meter').missed(result)
    }
    return failed(c, candidate.provider, error, options.log)
  }
}

/** The place comes last: a request that has one goes out at once. */
const prepare = async (
  c: Context<Env>,
  candidate: Candidate,
  options: ReverseProxyOptions,
  finders: Finders,
): Promise<Ready> => {
  const { provider } = candidate
  const own = provider.authMode === 'passthrough' ? clientCredential(c) : []
  const shown = own.length > 0 ? own : await options.credential(provider)
  const release = await place(c, provider, options)
  const added = withGranted(c, candidate, [...shown, ...provider.addHeaders])
  const clientsOwn = own.length > 0
  return { added, clientsOwn, finder: finders(provider, added, !clientsOwn), release }
}

/** A place at a provider. The ledger keeps how long the request waited for it. */
const place = (
  c: Context<Env>,
  provider: Provider,
  { admit, clock }: ReverseProxyOptions,
): (() => void) | Promise<() => void> => {
  const admitted = admit(provider, () => c.req.raw.signal)
  if (!(admitted instanceof Promise)) return admitted
  const from = clock.elapsed()
  return admitted.finally(() => c.get('meter').queued(clock.elapsed() - from))
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
