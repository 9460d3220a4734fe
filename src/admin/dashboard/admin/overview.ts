import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import type { Dimension, UsageGroup } from '../../../platform/records/figures.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import { linkTo } from '../links.ts'
import type { DashboardPage, View } from '../page.ts'
import { count } from '../parts/format.ts'
import { card, long, tabs, tiles } from '../parts/pieces.ts'
import { type Range, rangeOf, rangeTabs } from '../parts/range.ts'
import { type Column, table, toCsv } from '../parts/table.ts'
import {
  costOf,
  latency,
  type Measure,
  measures,
  over,
  speedOf,
  tokens,
  tokensOf,
} from '../parts/usage.ts'

const by: Readonly<Record<string, { readonly name: string; readonly dimension: Dimension }>> = {
  model: { name: 'Model', dimension: 'model' },
  person: { name: 'Person', dimension: 'login' },
  provider: { name: 'Provider', dimension: 'provider' },
  door: { name: 'Door', dimension: 'door' },
  client: { name: 'Client', dimension: 'agent' },
  outcome: { name: 'Outcome', dimension: 'outcome' },
  error: { name: 'Error code', dimension: 'error_code' },
}

const top = 4
const inTable = 20
const inFile = 1000

export const overviewPage = ({ ask }: { readonly ask: Ask }): DashboardPage => {
  const groupsOf = (view: View, range: Range, limit: number) =>
    ask('usageGroups', { ...scopeOf(range), by: chosen(view).dimension, limit })
  return {
    path: '/ui/overview',
    title: 'Overview',
    about: 'What everybody asks for, how well it is answered, and what it costs.',
    icon: 'overview',
    needs: 'admin',
    scripts: ['live.js'],
    render: async (view) => {
      const range = rangeOf(view)
      const scope = scopeOf(range)
      const { key, dimension, name } = chosen(view)
      const measure = measureOf(view)
      // A middle of several is none of their sum.
      const apart = measure === 'first' || measure === 'speed' ? {} : { by: dimension, top }
      const [sums, points, groups, people] = await Promise.all([
        ask('usageTotals', scope),
        ask('usageSeries', { ...scope, step: range.step, ...apart }),
        groupsOf(view, range, inTable),
        ask('usageGroups', { ...scope, by: 'login', limit: inFile, latencies: false }),
      ])
      const kept = { by: key, show: measure }
      return html`${rangeTabs('/ui/overview', range, kept)}<div id="live" data-live>${tiles([
        [
          'Requests',
          count(sums.requests),
          html`${count(people.length)} ${people.length === 1 ? 'person' : 'people'}`,
        ],
        ['Errors', count(sums.errors), share(sums.errors, sums.requests)],
        ['Refused here', count(sums.refused), share(sums.refused, sums.requests)],
        [
          'Tokens',
          tokens(sums),
          html`${count(sums.inputTokens)} in, ${count(sums.outputTokens)} out`,
        ],
        ['Cost', costOf(sums), `in ${range.words}`],
        [
          'First token',
          latency(sums.firstByte?.p50),
          html`95 of 100 within ${latency(sums.firstByte?.p95)}`,
        ],
        ['Tokens a second', count(Math.round(speedOf(sums))), 'out, while requests ran'],
      ])}<section class="card"><header><h2>${measures[measure].name}${'by' in apart ? ` by ${name.toLowerCase()}` : ''}</h2></header><div class="body">${choose(range, key, measure)}${over(points, measure, range, view.now)}</div></section>${card(
        `By ${name.toLowerCase()}`,
        table({
          caption: `By ${name.toLowerCase()}`,
          columns: columns(key, name, range),
          rows: groups,
          empty: html`<strong>Nothing in ${range.words}</strong><a href="/ui/connect">Connect a client</a>, or look at a longer time.`,
          csv: linkTo('/ui/overview', { ...range.query, by: key, csv: '1' }),
        }),
      )}</div>`
    },
    csv: async (view) => {
      const range = rangeOf(view)
      const { key, name } = chosen(view)
      return toCsv(columns(key, name, range), await groupsOf(view, range, inFile))
    },
  }
}

const scopeOf = ({ since, until }: Range) => ({ since, ...(until !== undefined && { until }) })

const chosen = ({ asked }: View) => {
  const key = asked('by') ?? 'model'
  const found = Object.hasOwn(by, key) ? by[key] : undefined
  return found ? { key, ...found } : { key: 'model', name: 'Model', dimension: 'model' as const }
}

const measureOf = ({ asked }: View): Measure => {
  const wanted = asked('show') ?? 'tokens'
  return Object.hasOwn(measures, wanted) ? (wanted as Measure) : 'tokens'
}

const share = (part: number, whole: number): string =>
  whole === 0
    ? 'none'
    : `${((part / whole) * 100).toFixed(part > 0 && part / whole < 0.1 ? 1 : 0)} % of requests`

const choose = (range: Range, key: string, measure: Measure): Html =>
  html`<div class="choose">${tabs(
    'What',
    Object.entries(measures).map(([id, { name }]) => ({
      href: linkTo('/ui/overview', { ...range.query, by: key, show: id }),
      name,
      current: id === measure,
    })),
  )}${tabs(
    'By what',
    Object.entries(by).map(([id, { name }]) => ({
      href: linkTo('/ui/overview', { ...range.query, by: id, show: measure }),
      name,
      current: id === key,
    })),
  )}</div>`

/** What the page of requests calls it. */
const filters: Readonly<Record<string, string>> = {
  model: 'model',
  person: 'login',
  provider: 'provider',
  door: 'door',
  client: 'agent',
  outcome: 'outcome',
  error: 'error',
}

const columns = (key: string, name: string, range: Range): readonly Column<UsageGroup>[] => [
  {
    head: name,
    cell: ({ name: value }) =>
      value === ''
        ? html`<span class="quiet">none</span>`
        : html`<a href="${linkTo('/ui/requests', { ...range.query, [filters[key] ?? 'text']: value })}">${long(value)}</a>`,
    text: ({ name: value }) => value,
  },
  {
    head: 'Requests',
    cell: ({ requests }) => count(requests),
    text: ({ requests }) => requests,
    numeric: true,
  },
  {
    head: 'Errors',
    cell: ({ errors }) => count(errors),
    text: ({ errors }) => errors,
    numeric: true,
  },
  {
    head: 'Refused',
    cell: ({ refused }) => count(refused),
    text: ({ refused }) => refused,
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
    head: 'First token',
    cell: ({ firstByte }) => latency(firstByte?.p50),
    text: ({ firstByte }) => firstByte?.p50 ?? null,
    numeric: true,
  },
  {
    head: 'Tokens/s',
    cell: (sums) => html`<span class="num">${speedOf(sums).toFixed(1)}</span>`,
    text: (sums) => Number(speedOf(sums).toFixed(1)),
    numeric: true,
  },
]
