import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import type {
  RequestSummary,
  SessionSummary,
  UsagePoint,
  UsageSums,
} from '../../../platform/records/figures.ts'
import { OUTCOMES, type Outcome } from '../../../platform/records/usage.ts'
import { linkTo } from '../links.ts'
import { chart } from './chart.ts'
import { cost, count, dollars, exact, none, short, span, when } from './format.ts'
import { long, tag } from './pieces.ts'
import type { Range } from './range.ts'
import type { Column } from './table.ts'

export const tokensOf = ({
  inputTokens,
  outputTokens,
}: Pick<UsageSums, 'inputTokens' | 'outputTokens'>): number => inputTokens + outputTokens

/** What was paid, as far as that is known. */
export const costOf = ({
  costNanousd,
  unpriced,
  requests,
}: Pick<UsageSums, 'costNanousd' | 'unpriced' | 'requests'>): Html => {
  if (unpriced === 0) return cost(requests === 0 ? 0 : costNanousd)
  if (unpriced >= requests) return cost(null)
  return html`<data class="num" value="${costNanousd / 1e9}" title="$${exact(costNanousd / 1e9)}, and ${exact(unpriced)} requests whose price is not known">${dollars(costNanousd / 1e9)}+</data>`
}

/** Tokens in and out, for one number. */
export const tokens = (sums: Pick<UsageSums, 'inputTokens' | 'outputTokens'>): Html =>
  html`<data class="num" value="${tokensOf(sums)}" title="${exact(sums.inputTokens)} in, ${exact(sums.outputTokens)} out">${short(tokensOf(sums))}</data>`

/** ms, or nothing. */
export const latency = (ms: number | null | undefined): Html =>
  ms === null || ms === undefined
    ? html`<span class="quiet num">${none}</span>`
    : html`<data class="num" value="${Math.round(ms)}" title="${exact(Math.round(ms))} ms">${span(ms)}</data>`

/** What can be drawn over time. */
export const measures = {
  requests: { name: 'Requests', of: ({ requests }: UsageSums) => requests, format: short },
  tokens: { name: 'Tokens', of: tokensOf, format: short },
  cost: { name: 'Cost', of: ({ costNanousd }: UsageSums) => costNanousd / 1e9, format: dollars },
  errors: { name: 'Errors', of: ({ errors }: UsageSums) => errors, format: short },
  refused: { name: 'Refused', of: ({ refused }: UsageSums) => refused, format: short },
  first: {
    name: 'First token',
    of: ({ firstByte }: UsageSums) => firstByte?.p50 ?? 0,
    format: span,
  },
  speed: { name: 'Tokens/s', of: (sums: UsageSums) => speedOf(sums), format: short },
} as const

export type Measure = keyof typeof measures

/** Tokens that models wrote for each second that requests took. */
export const speedOf = ({
  outputTokens,
  durationMs,
}: Pick<UsageSums, 'outputTokens' | 'durationMs'>): number =>
  durationMs > 0 ? (outputTokens / durationMs) * 1000 : 0

/** Points as bars; those of several names one on top of the other, what is not told apart last. */
export const over = (
  points: readonly UsagePoint[],
  measure: Measure,
  { since, until, step, words }: Range,
  now: number,
): Html => {
  const { name, of, format } = measures[measure]
  const names = [...new Set(points.map((point) => point.name))]
  const sum = (each: string | null) =>
    points.filter((point) => point.name === each).reduce((all, point) => all + of(point), 0)
  const ordered = names
    .map((each) => ({ each, all: sum(each) }))
    .sort((a, b) => Number(a.each === null) - Number(b.each === null) || b.all - a.all)
  const series = ordered.map(({ each }) => ({
    rest: each === null,
    name: each === null ? 'all others' : each === '' ? (names.length > 1 ? 'without' : name) : each,
    at: new Map(
      points.filter((point) => point.name === each).map((point) => [point.at, of(point)]),
    ),
  }))
  const label = `${name} in ${words}`
  return chart({ label, since, until: until ?? now, step, series, format })
}

/** What pages call each outcome, and how it looks. */
const shown: Readonly<Record<Outcome, readonly [words: string, mood: 'good' | 'warn' | 'bad']>> = {
  ok: ['ok', 'good'],
  client_gone: ['client left', 'warn'],
  upstream_error: ['provider failed', 'bad'],
  rejected: ['refused', 'warn'],
  cut: ['cut short here', 'bad'],
}

export const outcomeOptions: readonly (readonly [value: string, words: string])[] = OUTCOMES.map(
  (each) => [each, shown[each][0]],
)

export const outcome = ({
  outcome: what,
  status,
  errorCode,
}: Pick<RequestSummary, 'outcome' | 'status' | 'errorCode'>): Html => {
  if (what === 'ok') return tag(String(status), 'good')
  const [words, mood] = shown[what]
  return html`${tag(`${status} ${words}`, mood)}${errorCode === null ? '' : html`<span class="sub mono">${long(errorCode)}</span>`}`
}

export const requestPath = (id: string): string => `/ui/requests/${encodeURIComponent(id)}`

/** @param whose show logins as well */
export const requestColumns = (now: number, whose: boolean): readonly Column<RequestSummary>[] => [
  {
    head: 'When',
    cell: ({ id, startedAt }) => html`<a href="${requestPath(id)}">${when(startedAt, now)}</a>`,
    text: ({ startedAt }) => new Date(startedAt).toISOString(),
  },
  ...(whose
    ? [
        {
          head: 'Who',
          cell: ({ login, node, kind }: RequestSummary) =>
            html`${long(login)}<span class="sub">${node ?? kind}</span>`,
          text: ({ login }: RequestSummary) => login,
        },
      ]
    : []),
  {
    head: 'Model',
    cell: ({ upstreamModel, model, provider, route }) =>
      html`<span class="mono" title="${model === null ? '' : `asked for as ${model}`}">${long(upstreamModel ?? model ?? route)}</span>${provider ? html`<span class="sub">${provider}</span>` : ''}`,
    text: ({ upstreamModel, model }) => upstreamModel ?? model ?? '',
  },
  {
    head: 'Outcome',
    cell: outcome,
    text: ({ status, outcome: what, errorCode }) =>
      [status, what, ...(errorCode === null ? [] : [errorCode])].join(' '),
  },
  {
    head: 'Tokens',
    cell: tokens,
    text: tokensOf,
    numeric: true,
  },
  {
    head: 'Cost',
    cell: ({ costNanousd }) => cost(costNanousd),
    text: ({ costNanousd }) => (costNanousd === null ? null : costNanousd / 1e9),
    numeric: true,
  },
  {
    head: 'First token',
    cell: ({ firstByteMs }) => latency(firstByteMs),
    text: ({ firstByteMs }) => firstByteMs,
    numeric: true,
  },
  {
    head: 'In all',
    cell: ({ durationMs }) => latency(durationMs),
    text: ({ durationMs }) => durationMs,
    numeric: true,
  },
  {
    head: 'From',
    cell: ({ door, agent, userAgent }) =>
      html`${door}<span class="sub" title="${userAgent}">${agent || 'unnamed'}</span>`,
    text: ({ door, userAgent }) => `${door} ${userAgent}`,
  },
]

export const sessionColumns = (now: number, whose: boolean): readonly Column<SessionSummary>[] => [
  {
    head: 'Began',
    cell: ({ login, sessionId, firstAt }) =>
      html`<a href="${linkTo('/ui/requests', { session: sessionId, login: whose ? login : undefined, range: '1y' })}">${when(firstAt, now)}</a>`,
    text: ({ firstAt }) => new Date(firstAt).toISOString(),
  },
  ...(whose
    ? [
        {
          head: 'Who',
          cell: ({ login }: SessionSummary) => long(login),
          text: ({ login }: SessionSummary) => login,
        },
      ]
    : []),
  {
    head: 'Session',
    cell: ({ sessionId }) => html`<span class="mono">${long(sessionId)}</span>`,
    text: ({ sessionId }) => sessionId,
  },
  {
    head: 'Requests',
    cell: ({ requests, failed }) =>
      html`${count(requests)}${failed > 0 ? html`<span class="sub">${failed} not ok</span>` : ''}`,
    text: ({ requests }) => requests,
    numeric: true,
  },
  { head: 'Tokens', cell: tokens, text: tokensOf, numeric: true },
  {
    head: 'Cost',
    cell: costOf,
    text: ({ costNanousd }) => costNanousd / 1e9,
    numeric: true,
  },
  {
    head: 'Lasted',
    cell: ({ firstAt, lastAt }) => latency(lastAt - firstAt),
    text: ({ firstAt, lastAt }) => lastAt - firstAt,
    numeric: true,
  },
]
