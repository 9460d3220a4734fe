import { LRUCache } from 'lru-cache'
import type { ErrorCode } from '../../platform/failure.ts'
import type { Family } from '../../platform/metric.ts'
import type { IdentityFailure } from '../../platform/records/auth-failure.ts'
import type { UsageRow } from '../../platform/records/usage.ts'
import type { Attempt, Provider } from '../../platform/upstream.ts'
import { createCounter, createHistogram, mostSeries } from './instruments.ts'
import { createModelLabels, type ModelLabels } from './models.ts'

/** What is counted while the gateway runs. Kept across configurations; nobody's name is in it. */
export interface Metrics {
  /** Each row of the ledger, once, so that sums of rows and counters are the same. */
  row(row: UsageRow): void
  attempt(provider: string, result: Attempt): void
  /** Every answer, Open WebUI's among them. */
  answered(status: number): void
  refused(code: ErrorCode): void
  authFailure(reason: IdentityFailure): void
  collect(): readonly Family[]
}

/** Seconds: a token of a small model comes in tens of milliseconds, the first one of a cold one in minutes. */
const firstByte = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const duration = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800]
const overhead = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5]

const byModel = ['provider', 'model'] as const

/**
 * @param providers whose models may be named.
 * @param isUp whether a provider answered when it was last asked; undefined before the first time
 */
export const createMetrics = (
  providers: () => readonly Pick<Provider, 'id' | 'models'>[],
  isUp: (provider: string) => boolean | undefined,
): Metrics => {
  const modelLabels = createModelLabels(providers)
  const of = createInstruments()
  const { requests, tokens, cost, unpriced, bytes, timings, attempts, answers } = of
  /** What a row is counted in; a series is there once there is something to count. */
  const seriesFor = (labels: ModelLabels, row: UsageRow) => {
    const { door, dialect, outcome, tokensSource: source } = row
    const status = statusClass(row.status)
    const tokensOf = (type: string) => once(() => tokens.of({ ...labels, type, source }))
    return {
      requests: requests.of({ ...labels, door, dialect, outcome, status }),
      input: tokensOf('input'),
      output: tokensOf('output'),
      cached: tokensOf('cached'),
      reasoning: tokensOf('reasoning'),
      unpriced: once(() => unpriced.of(labels)),
      cost: once(() => cost.of(labels)),
      bytesIn: bytes.of({ direction: 'in' }),
      bytesOut: bytes.of({ direction: 'out' }),
      firstByte: once(() => timings.firstByte.of(labels)),
      duration: timings.duration.of(labels),
      overhead: timings.overhead.of({ door }),
    }
  }
  const known = new LRUCache<string, ReturnType<typeof seriesFor>>({ max: mostSeries })
  const seriesOf = (row: UsageRow): ReturnType<typeof seriesFor> => {
    const labels = modelLabels(row)
    const { door, dialect, outcome, status, tokensSource } = row
    const key = `${labels.provider}\n${labels.model}\n${door} ${dialect} ${outcome} ${status} ${tokensSource}`
    const found = known.get(key) ?? seriesFor(labels, row)
    known.set(key, found)
    return found
  }
  return {
    row: (row) => {
      const series = seriesOf(row)
      series.requests()
      if (row.inputTokens > 0) series.input()(row.inputTokens)
      if (row.outputTokens > 0) series.output()(row.outputTokens)
      if (row.cachedTokens > 0) series.cached()(row.cachedTokens)
      if (row.reasoningTokens > 0) series.reasoning()(row.reasoningTokens)
      if (row.costNanousd === null) series.unpriced()()
      else series.cost()(row.costNanousd)
      series.bytesIn(row.bytesIn)
      series.bytesOut(row.bytesOut)
      if (row.firstByteMs !== null) series.firstByte()(row.firstByteMs)
      series.duration(row.durationMs)
      series.overhead(row.overheadUs)
    },
    attempt: (provider, result) => attempts.add({ provider, result }),
    answered: (status) => answers.http.add({ status: statusClass(status) }),
    refused: (code) => answers.refused.add({ code }),
    authFailure: (reason) => answers.authFailures.add({ reason }),
    collect: () => [
      ...[requests, tokens, cost, unpriced, bytes].map((each) => each.collect()),
      ...Object.values(timings).map((each) => each.collect()),
      attempts.collect(),
      providerUp(isUp, providers()),
      ...Object.values(answers).map((each) => each.collect()),
    ],
  }
}

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** 499, which is never sent, counts with the 4xx. */
const statusClass = (status: number): string => `${Math.floor(status / 100)}xx`

/** Only of those in the configuration: what was taken out of it is not an alarm. */
const providerUp = (
  isUp: (provider: string) => boolean | undefined,
  providers: readonly Pick<Provider, 'id'>[],
): Family => ({
  name: 'postern_provider_up',
  help: '1 when the last request to the provider was answered, 0 when not; absent before the first.',
  type: 'gauge',
  samples: providers.flatMap(({ id }) => {
    const last = isUp(id)
    return last === undefined ? [] : [{ labels: { provider: id }, value: last ? 1 : 0 }]
  }),
})

const createInstruments = () => ({
  requests: createCounter({
    name: 'postern_requests_total',
    help: 'Requests on the ledger: every one that passed authentication.',
    labels: [...byModel, 'door', 'dialect', 'outcome', 'status'],
  }),
  tokens: createCounter({
    name: 'postern_tokens_total',
    help: 'Tokens; cached ones are among input, reasoning ones among output.',
    labels: [...byModel, 'type', 'source'],
  }),
  cost: createCounter({
    name: 'postern_cost_usd_total',
    help: 'Dollars, of the requests whose price is known.',
    labels: byModel,
    per: 1e9,
  }),
  unpriced: createCounter({
    name: 'postern_unpriced_requests_total',
    help: 'Requests whose price is not known, which is not the same as free.',
    labels: byModel,
  }),
  bytes: createCounter({
    name: 'postern_body_bytes_total',
    help: 'Bytes of bodies, in from clients and out to them.',
    labels: ['direction'],
  }),
  timings: {
    firstByte: createHistogram({
      name: 'postern_first_byte_seconds',
      help: 'From the arrival of a request to the first byte of the answer from upstream.',
      labels: byModel,
      bounds: firstByte,
      per: 1000,
    }),
    duration: createHistogram({
      name: 'postern_request_duration_seconds',
      help: 'From the arrival of a request to the end of its answer.',
      labels: byModel,
      bounds: duration,
      per: 1000,
    }),
    overhead: createHistogram({
      name: 'postern_overhead_seconds',
      help: 'Spent in the gateway itself before a request went out.',
      labels: ['door'],
      bounds: overhead,
      per: 1e6,
    }),
  },
  attempts: createCounter({
    name: 'postern_upstream_attempts_total',
    help: 'Times a provider was asked; several for one request where providers stand in for each other.',
    labels: ['provider', 'result'],
  }),
  answers: {
    http: createCounter({
      name: 'postern_http_responses_total',
      help: 'Answers of any kind, Open WebUI and health checks included.',
      labels: ['status'],
    }),
    refused: createCounter({
      name: 'postern_refusals_total',
      help: 'Answers that are the refusal or failure of this code.',
      labels: ['code'],
    }),
    authFailures: createCounter({
      name: 'postern_auth_failures_total',
      help: 'Requests refused for want of a caller, by the cause that clients are not told.',
      labels: ['reason'],
    }),
  },
})
