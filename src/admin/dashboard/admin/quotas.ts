import type { Context } from 'hono'
import { html } from 'hono/html'
import type { Config } from '../../../config/config.ts'
import type { Env } from '../../../gateway/http/env.ts'
import type { DashboardPage } from '../page.ts'
import { type Bucket, bucketColumns } from '../parts/buckets.ts'
import { card } from '../parts/pieces.ts'
import { type Column, table, toCsv } from '../parts/table.ts'

export interface QuotasSources {
  readonly config: Pick<Config, 'quotas'>
  /** Everybody's. */
  readonly buckets: (c: Context<Env>) => Promise<readonly Bucket[]>
}

export const quotasPage = ({ config, buckets }: QuotasSources): DashboardPage => ({
  path: '/ui/quotas',
  title: 'Quotas',
  about: 'Budgets, what is left of each, and a way to put something back.',
  icon: 'quotas',
  needs: 'admin',
  scripts: ['act.js'],
  render: async ({ c }) => {
    const rows = await buckets(c)
    return html`${card(
      'Budgets',
      table({
        caption: 'Budgets',
        columns: bucketColumns,
        rows,
        empty:
          config.quotas.size === 0
            ? html`<strong>No budgets</strong>Define one under &ldquo;quotas&rdquo; in the <a href="/ui/config">configuration</a>, and name it in a grant.`
            : html`<strong>Nobody has drawn on a budget yet</strong>A bucket shows up here with the first request that is charged to it.`,
        csv: '/ui/quotas?csv',
      }),
    )}${
      rows.length === 0
        ? ''
        : card(
            'Put something back',
            html`<form class="body" data-act="POST /postern/api/quotas/refill" autocomplete="off"><div class="fields">
<div><label for="bucket">Budget</label><select id="bucket" name="bucket">${rows.map(({ bucket }) => html`<option>${bucket}</option>`)}</select></div>
<div><label for="amount">How much</label><input id="amount" name="amount" required maxlength="64" placeholder="$5.00, 100k tokens" spellcheck="false"></div>
</div><div class="actions"><button>Put back</button></div><div class="outcome" aria-live="polite"></div></form>`,
            'What does not fit into it is lost.',
          )
    }${
      config.quotas.size === 0
        ? ''
        : card(
            'Defined',
            table({
              caption: 'Defined',
              columns: definitions,
              rows: [...config.quotas.values()],
              empty: '',
            }),
          )
    }`
  },
  csv: async ({ c }) => toCsv(bucketColumns, await buckets(c)),
})

type Quota = Config['quotas'] extends ReadonlyMap<string, infer Value> ? Value : never

const definitions: readonly Column<Quota>[] = [
  { head: 'Name', cell: ({ name }) => html`<strong>${name}</strong>` },
  {
    head: 'A bucket for',
    cell: ({ per }) =>
      ({ everybody: 'everybody together', user: 'each person', node: 'each device' })[per],
  },
  {
    head: 'Fills',
    cell: ({ limit }) =>
      limit === undefined
        ? html`<span class="tag bad">cannot be read: its requests are refused</span>`
        : limit.rate
          ? limit.rate.text
          : html`<span class="quiet">not by itself</span>`,
  },
]
