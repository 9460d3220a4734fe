import { html } from 'hono/html'
import type { Health, Provider } from '../../../platform/upstream.ts'
import type { DashboardPage } from '../page.ts'
import { count, when } from '../parts/format.ts'
import { card, long, tag } from '../parts/pieces.ts'
import { type Column, table, toCsv } from '../parts/table.ts'

export interface ProvidersSources {
  readonly providers: () => readonly Provider[]
  readonly health: (provider: string) => Health | undefined
  readonly load: (provider: string) => { readonly open: number; readonly waiting: number }
}

export const providersPage = (sources: ProvidersSources): DashboardPage => ({
  path: '/ui/providers',
  title: 'Providers',
  about: 'The model servers behind this gateway, and how each does.',
  icon: 'providers',
  needs: 'admin',
  render: ({ now }) =>
    card(
      'Providers',
      table({
        caption: 'Providers',
        columns: columns(sources, now),
        rows: sources.providers(),
        empty: html`<strong>No providers</strong>Start a model server on this machine, or add one in the <a href="/ui/config">configuration</a>.`,
        csv: '/ui/providers?csv',
      }),
      html`What requests found. <a href="/ui/models">Models</a> tries each of them.`,
    ),
  csv: ({ now }) => toCsv(columns(sources, now), sources.providers()),
})

type Sources = ProvidersSources

const columns = (sources: Sources, now: number): readonly Column<Provider>[] => [
  {
    head: 'Provider',
    cell: ({ id, name, server }) =>
      html`<strong>${name || id}</strong><span class="sub">${[id, server].filter(Boolean).join(' · ')}</span>`,
    text: ({ id }) => id,
  },
  {
    head: 'State',
    cell: (row) => state(row, sources),
    text: (row) => word(row, sources),
  },
  {
    head: 'Models',
    cell: ({ models }) => count(models.length),
    text: ({ models }) => models.length,
    numeric: true,
  },
  {
    head: 'Under way',
    cell: ({ id, limits }) => {
      const { open } = sources.load(id)
      return html`<span class="num">${open}${limits?.concurrency ? ` / ${limits.concurrency}` : ''}</span>`
    },
    text: ({ id }) => sources.load(id).open,
    numeric: true,
  },
  {
    head: 'Waiting',
    cell: ({ id }) => count(sources.load(id).waiting),
    text: ({ id }) => sources.load(id).waiting,
    numeric: true,
  },
  {
    head: 'Last answer',
    cell: ({ id }) => when(sources.health(id)?.answeredAt ?? null, now),
    text: ({ id }) => iso(sources.health(id)?.answeredAt),
  },
  {
    head: 'Last error',
    cell: ({ id }) => {
      const failure = sources.health(id)?.failure
      return failure
        ? html`${when(failure.at, now)}<span class="sub">${long(`${failure.kind}: ${failure.reason}`)}</span>`
        : html`<span class="quiet">none</span>`
    },
    text: ({ id }) => sources.health(id)?.failure?.reason ?? null,
  },
  {
    head: 'Address',
    cell: ({ baseurl }) => html`<span class="mono">${long(baseurl)}</span>`,
    text: ({ baseurl }) => baseurl,
  },
]

const iso = (at: number | undefined | null): string | null =>
  at ? new Date(at).toISOString() : null

const word = ({ id, disabled }: Provider, { health }: Sources): string => {
  if (disabled) return 'disabled'
  const up = health(id)?.up
  return up === undefined ? 'not asked yet' : up ? 'answers' : 'does not answer'
}

const state = (row: Provider, sources: Sources) => {
  const text = word(row, sources)
  return tag(text, text === 'answers' ? 'good' : text === 'does not answer' ? 'bad' : undefined)
}
