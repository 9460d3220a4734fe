import type { Context } from 'hono'
import { html } from 'hono/html'
import type { Env } from '../../../gateway/http/env.ts'
import type { Html } from '../../../gateway/http/page.ts'
import type { UsageSums } from '../../../platform/records/figures.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import { addressesOf } from '../connect/addresses.ts'
import type { DashboardPage } from '../page.ts'
import { type Bucket, bucketColumns } from '../parts/buckets.ts'
import { count } from '../parts/format.ts'
import { card, snippet, tiles } from '../parts/pieces.ts'
import { rangeOf, rangeTabs } from '../parts/range.ts'
import { table } from '../parts/table.ts'
import { costOf, latency, over, requestColumns, tokens } from '../parts/usage.ts'
import type { ConnectSources } from './connect.ts'

export interface HomeSources extends ConnectSources {
  readonly ask: Ask
  /** Those that this caller's requests are charged to. */
  readonly buckets: (c: Context<Env>) => Promise<readonly Bucket[]>
}

const top = 4

export const homePage = (sources: HomeSources): DashboardPage => ({
  path: '/ui',
  title: 'Home',
  about: 'What you asked for, what it cost, and what is left.',
  icon: 'home',
  needs: 'role',
  scripts: ['live.js'],
  render: async (view) => {
    const { ask, buckets } = sources
    const { c, now, caller } = view
    const range = rangeOf(view)
    const scope = {
      login: caller.login,
      since: range.since,
      ...(range.until && { until: range.until }),
    }
    const [sums, points, { rows }, budgets] = await Promise.all([
      ask('usageTotals', scope),
      ask('usageSeries', { ...scope, step: range.step, by: 'model', top }),
      ask('requests', { login: caller.login, since: 0, limit: 8 }),
      buckets(c),
    ])
    if (rows.length === 0) return begin(sources, view)
    return html`${rangeTabs('/ui', range)}<div id="live" data-live>${tiles([
      ['Requests', count(sums.requests), notOk(sums)],
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
    ])}${card('Tokens by model', html`<div class="body">${over(points, 'tokens', range, now)}</div>`)}${
      budgets.length === 0
        ? ''
        : card(
            'Your budgets',
            table({ caption: 'Your budgets', columns: bucketColumns, rows: budgets, empty: '' }),
          )
    }${card(
      'Lately',
      html`${table({ caption: 'Your latest requests', columns: requestColumns(now, false), rows, empty: '' })}<p class="below"><a href="/ui/requests">All requests</a><a href="/ui/sessions">Sessions</a></p>`,
    )}</div>`
  },
})

const notOk = ({ errors, refused }: Pick<UsageSums, 'errors' | 'refused'>): Html | string => {
  if (errors === 0) return refused === 0 ? 'none failed' : html`${count(refused)} refused`
  return refused === 0
    ? html`${count(errors)} failed`
    : html`${count(errors)} failed, ${count(refused)} refused`
}

/** Nobody asked for anything yet. */
const begin = async (
  { config, models }: ConnectSources,
  { permissions, c }: Parameters<DashboardPage['render']>[0],
): Promise<Html> => {
  const mine = await models(permissions)
  const [here] = addressesOf(config, c.var.client)
  return html`<div id="live" data-live>${tiles([
    ['Models you may use', count(mine.length), html`<a href="/ui/models">See and try them</a>`],
    ['Requests', '0', 'Your first one shows up here by itself'],
  ])}${card(
    'Start here',
    html`<div class="body">${snippet(`${here?.base}/v1`, 'Base URL for OpenAI’s clients')}<div class="actions"><a class="button primary" href="/ui/connect">Connect a client</a><a class="button" href="/ui/models">Try a model</a></div></div>`,
    'A client needs this address, the name of a model, and a key where the tailnet does not know you.',
  )}</div>`
}
