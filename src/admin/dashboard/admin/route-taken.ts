import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import type { RequestSummary } from '../../../platform/records/figures.ts'
import type { Candidate, Health } from '../../../platform/upstream.ts'
import { when } from '../parts/format.ts'
import { card, long, tag } from '../parts/pieces.ts'
import { type Column, table } from '../parts/table.ts'
import type { AccessSources, Explanation } from './access.ts'

export interface RouteSources {
  readonly explain: AccessSources['explain']
  /** Who serves a model as things are now, best first, whatever the dialect. */
  readonly serving: (model: string) => readonly Candidate[]
  readonly health: (provider: string) => Health | undefined
}

interface Row {
  readonly place: number
  readonly candidate: Candidate
  /** Undefined: no grant lets them have it from here. */
  readonly allowed: Explanation['routes'][number] | undefined
  readonly answered: boolean
  /** Better than the one that answered. */
  readonly passedOver: boolean
  readonly health: Health | undefined
}

/** By what a caller is known to grants. */
export const whoOf = ({ kind, login, credentialId }: RequestSummary): string =>
  kind === 'password' ? credentialId : login

/** Why this provider: who could have been asked, in which order, and what let them. */
export const routeTaken = (row: RequestSummary, sources: RouteSources, now: number): Html => {
  if (row.model === null) return html``
  const rows = rowsOf(row, row.model, sources)
  return card(
    'Why this provider',
    table({
      caption: 'Why this provider',
      columns: columns(row, now),
      rows,
      empty: html`<strong>Nobody serves it any more</strong>Neither the <a href="/ui/config">configuration</a> nor a model server has this model now.`,
    }),
    'Who serves this model now, in the order in which they are asked: the next one only when the one before cannot be reached.',
  )
}

const rowsOf = (
  row: RequestSummary,
  model: string,
  { explain, serving, health }: RouteSources,
): readonly Row[] => {
  const routes = explain(whoOf(row), model, row.door).flatMap((found) => found.routes)
  const candidates = serving(model)
  const isAnswer = ({ provider, model: name }: Candidate) =>
    provider.id === row.provider && name === row.upstreamModel
  const taken = candidates.findIndex(isAnswer)
  return candidates.map((candidate, at) => {
    const { provider, model: name } = candidate
    const allowed = routes.find((each) => each.provider === provider.id && each.model === name)
    return {
      place: at + 1,
      candidate,
      allowed,
      answered: at === taken,
      passedOver: at < taken && allowed !== undefined,
      health: health(provider.id),
    }
  })
}

const columns = (row: RequestSummary, now: number): readonly Column<Row>[] => [
  { head: '#', cell: ({ place }) => html`<span class="quiet num">${place}</span>` },
  {
    head: 'Provider',
    cell: ({ candidate: { provider, model } }) =>
      html`<strong>${provider.name || provider.id}</strong><span class="sub mono">${provider.id}/${model}</span>`,
  },
  {
    head: 'In this request',
    cell: ({ answered, passedOver, health }) => {
      if (answered) return row.outcome === 'ok' ? tag('answered', 'good') : tag('asked', 'accent')
      if (!passedOver) return html`<span class="quiet">not asked</span>`
      const failed = failureIn(row, health)
      return html`${tag('passed over', 'warn')}<span class="sub">${failed ?? 'why is not known any more'}</span>`
    },
  },
  {
    head: 'Now',
    cell: ({ health }) => {
      if (health === undefined) return html`<span class="quiet">not asked yet</span>`
      if (health.up) return html`answers<span class="sub">${when(health.answeredAt, now)}</span>`
      return html`${tag('does not answer', 'bad')}<span class="sub">${when(health.failure?.at ?? null, now)}</span>`
    },
  },
  {
    head: 'Allowed by',
    cell: ({ allowed }) =>
      allowed
        ? html`<a href="/ui/access#grant-${allowed.grant}">grant ${allowed.grant}</a><span class="sub">${long(`“${allowed.source}”, “${allowed.pattern}”`)}</span>`
        : html`<span class="quiet">no grant</span>`,
  },
]

/** Only the last failure of a provider is remembered. */
const failureIn = (
  { startedAt, durationMs }: RequestSummary,
  health: Health | undefined,
): string | undefined => {
  const failure = health?.failure
  if (!failure || failure.at < startedAt || failure.at > startedAt + durationMs) return undefined
  return `${failure.kind}: ${failure.reason}`
}
