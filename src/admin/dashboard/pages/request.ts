import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import { Failure } from '../../../platform/failure.ts'
import type { RequestSummary } from '../../../platform/records/figures.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import { type RouteSources, routeTaken, whoOf } from '../admin/route-taken.ts'
import { linkTo } from '../links.ts'
import type { DashboardPage, View } from '../page.ts'
import { bytes, cost, count, exact, none, when } from '../parts/format.ts'
import { card, tiles } from '../parts/pieces.ts'
import { latency, outcome } from '../parts/usage.ts'

export interface RequestSources extends RouteSources {
  readonly ask: Ask
}

/** One request in full; what was said in it has a page of its own. */
export const requestPage = ({ ask, ...sources }: RequestSources): DashboardPage => ({
  path: '/ui/requests/:id',
  title: 'Request',
  about: 'One line of the ledger in full.',
  icon: 'requests',
  needs: 'role',
  unlisted: true,
  render: async (view) => {
    const id = (view.c.req.param('id') ?? '').slice(0, 64)
    const mine = view.isAdmin ? {} : { login: view.caller.login }
    const row = await ask('request', { id, ...mine })
    if (!row) throw new Failure('not_found', 'There is no such request.')
    return html`${tiles([
      ['Outcome', outcome(row)],
      ['First token', latency(row.firstByteMs)],
      ['In all', latency(row.durationMs)],
      ['Cost', cost(row.costNanousd), row.costBasis ?? ''],
    ])}<div class="two">${card('What', pairs(what(row)))}${card('Who', pairs(who(row, view)))}${card('Tokens', pairs(tokensOf(row)))}${card('Time and size', pairs(timing(row)))}</div>${card('What was said', said(row, view, await ask('capture', { id: row.id })))}${view.isAdmin ? routeTaken(row, sources, view.now) : ''}`
  },
})

const said = ({ id, login }: RequestSummary, { caller }: View, capture: unknown): Html => {
  const link = html`<a href="/ui/requests/${id}/said">What was asked and answered</a>`
  if (capture === null) return html`<p class="body quiet">Nothing of it is kept.</p>`
  return login === caller.login
    ? html`<p class="body">${link}</p>`
    : html`<p class="body">${link}. That you read it goes into the audit.</p>`
}

type Pair = readonly [string, Html | string | null]

const pairs = (all: readonly Pair[]): Html =>
  html`<div class="body"><dl class="pairs">${all.map(
    ([name, value]) =>
      html`<dt>${name}</dt><dd>${value === null || value === '' ? html`<span class="quiet">${none}</span>` : value}</dd>`,
  )}</dl></div>`

const mono = (text: string | null): Html | null =>
  text === null || text === '' ? null : html`<span class="mono">${text}</span>`

const what = (row: RequestSummary): Pair[] => [
  ['Asked for', mono(row.model)],
  [
    'Answered by',
    mono(row.provider === null ? null : `${row.provider}/${row.upstreamModel ?? ''}`),
  ],
  ['Error code', mono(row.errorCode)],
  ['Path', mono(row.route)],
  ['Dialect', row.dialect],
  ['Label', row.label],
  [
    'Session',
    row.sessionId === null
      ? null
      : html`<a class="mono" href="${linkTo('/ui/requests', { session: row.sessionId, range: '1y' })}">${row.sessionId}</a>`,
  ],
  ...(row.alias === null ? [] : [['Alias', mono(row.alias)] as const]),
  ...(row.attempts === null ? [] : [['Tried', attempts(row.attempts)] as const]),
  ...(row.translated === null ? [] : [['Translated', mono(row.translated)] as const]),
  ['Request id', mono(row.requestId)],
]

/** As the meter writes it. */
const attempts = (json: string): Html | null => {
  const tried = JSON.parse(json) as readonly {
    readonly provider: string
    readonly result?: string
  }[]
  return mono(
    tried.map(({ provider, result }) => (result ? `${provider} (${result})` : provider)).join(', '),
  )
}

const who = (row: RequestSummary, { isAdmin, now }: View): Pair[] => [
  ['Login', row.login],
  ['Known by', row.kind],
  ['Credential', mono(row.credentialId)],
  ['Device', row.node],
  ['Door', row.door],
  ['Address', mono(row.clientIp)],
  ['Program', html`<span title="${row.agent}">${row.userAgent || none}</span>`],
  ['When', when(row.startedAt, now)],
  ...(isAdmin && row.model !== null
    ? [
        [
          'Allowed by',
          html`<a href="${linkTo('/ui/access', { who: whoOf(row), model: row.model, door: row.door })}">which grant, as of now</a>`,
        ] as const,
      ]
    : []),
]

const tokensOf = (row: RequestSummary): Pair[] => [
  ['In', count(row.inputTokens)],
  ['of it from a cache', count(row.cachedTokens)],
  ['of it into a cache', count(row.cacheWriteTokens)],
  ['Out', count(row.outputTokens)],
  ['of it reasoning', count(row.reasoningTokens)],
  [
    'Counted by',
    { reported: 'the provider', estimated: 'us, by their length', none: 'nobody' }[
      row.tokensSource
    ],
  ],
  ['Tool calls', count(row.toolCalls)],
  ...(row.webSearches > 0 ? [['Web searches', count(row.webSearches)] as const] : []),
  ...(row.images > 0 ? [['Images', count(row.images)] as const] : []),
]

const timing = (row: RequestSummary): Pair[] => [
  ['In the gateway', html`<span class="num">${exact(row.overheadUs)} &micro;s</span>`],
  ...(row.queuedMs === null ? [] : [['Waited for a place', latency(row.queuedMs)] as const]),
  ['To the first token', latency(row.firstByteMs)],
  ['In all', latency(row.durationMs)],
  [
    'Tokens a second',
    row.firstByteMs !== null && row.durationMs > row.firstByteMs && row.outputTokens > 1
      ? html`<span class="num">${((row.outputTokens / (row.durationMs - row.firstByteMs)) * 1000).toFixed(1)}</span>`
      : null,
  ],
  [
    'Sent',
    html`<span class="num" title="${exact(row.bytesIn)} bytes">${bytes(row.bytesIn)}</span>`,
  ],
  [
    'Answered',
    html`<span class="num" title="${exact(row.bytesOut)} bytes">${bytes(row.bytesOut)}</span>`,
  ],
]
