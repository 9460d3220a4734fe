import { html } from 'hono/html'
import type { Permissions } from '../../../gateway/http/env.ts'
import type { Html } from '../../../gateway/http/page.ts'
import { linkTo, tryPath } from '../links.ts'
import type { DashboardPage } from '../page.ts'
import { count, dollars, none } from '../parts/format.ts'
import { icon } from '../parts/icon.ts'
import { type Column, table, toCsv } from '../parts/table.ts'

/** A row of `GET /v1/models`. */
export interface ModelOffer {
  readonly id: string
  readonly supported_endpoints: readonly string[]
  readonly metadata: { readonly provider: { readonly id: string; readonly name: string } }
  readonly context_length?: number
  readonly loaded?: boolean
  /** USD for one token. */
  readonly pricing?: Readonly<Record<string, string>>
}

export interface ModelSources {
  /** What this caller may use. */
  readonly models: (permissions: Permissions) => Promise<readonly ModelOffer[]>
}

export const modelsPage = ({ models }: ModelSources): DashboardPage => ({
  path: '/ui/models',
  title: 'Models',
  about: 'What you may use, what it costs, and whether it answers.',
  icon: 'models',
  needs: 'role',
  scripts: ['try.js'],
  render: async ({ permissions, asked }) => {
    const all = await models(permissions)
    const rows = matching(all, asked('q'))
    return html`<div class="card">
${all.length > 8 ? search(asked('q')) : ''}${table({
  caption: 'Models',
  columns,
  rows,
  empty: all.length === 0 ? nothing : 'No model has that in its name.',
  csv: '/ui/models?csv',
})}</div>
${all.length > 0 ? playground(all, asked('model')) : ''}`
  },
  csv: async ({ permissions }) => toCsv(columns, await models(permissions)),
})

const nothing = html`<strong>No model is granted to you</strong>
Ask whoever runs this gateway for a grant, or, if that is you, add a provider and a grant in the configuration.`

const matching = (rows: readonly ModelOffer[], words: string | undefined): readonly ModelOffer[] =>
  words === undefined
    ? rows
    : rows.filter((row) => nameOf(row).toLowerCase().includes(words.toLowerCase()))

const search = (words: string | undefined): Html =>
  html`<form class="body line" role="search"><div><input type="search" name="q" value="${words ?? ''}" placeholder="Search models" aria-label="Search models"></div></form>`

const nameOf = ({ id, metadata }: ModelOffer): string => `${metadata.provider.id}/${id}`

/** The way in that our pages can take to it; undefined: none. */
const pathFor = ({ id, supported_endpoints: endpoints }: ModelOffer): string | undefined => {
  // No list says what a model is for; those that only embed say so in their name.
  if (/embed/i.test(id)) return `${tryPath}/embeddings`
  if (endpoints.includes('/v1/chat/completions')) return `${tryPath}/chat/completions`
  return endpoints.includes('/v1/messages') ? `${tryPath}/messages` : undefined
}

const perMillion = (price: string | undefined): string =>
  price === undefined ? none : dollars(Number(price) * 1e6)

const price = (row: ModelOffer): Html => {
  const { pricing } = row
  if (pricing === undefined) {
    return html`<span class="quiet" title="No price is known">${none}</span>`
  }
  const rest = Object.entries(pricing).map(([kind, usd]) => `${kind.replaceAll('_', ' ')} $${usd}`)
  return html`<span class="num" title="USD each: ${rest.join(', ')}">${perMillion(pricing.input)} / ${perMillion(pricing.output)}</span>`
}

const columns: readonly Column<ModelOffer>[] = [
  {
    head: 'Model',
    cell: (row) =>
      html`<a class="mono" href="${linkTo('/ui/connect', { model: nameOf(row) })}">${row.id}</a><span class="sub">${row.metadata.provider.name || row.metadata.provider.id}</span>`,
    text: ({ id }) => id,
  },
  {
    head: 'State',
    cell: ({ loaded }) =>
      loaded === undefined
        ? html`<span class="tag">listed</span>`
        : loaded
          ? html`<span class="tag good">loaded</span>`
          : html`<span class="tag" title="The server reads it into memory when it is asked for">on disk</span>`,
    text: ({ loaded }) => (loaded === undefined ? '' : loaded ? 'loaded' : 'on disk'),
  },
  {
    head: 'Context',
    cell: ({ context_length: length }) =>
      length === undefined ? html`<span class="quiet">${none}</span>` : count(length),
    text: ({ context_length: length }) => length ?? null,
    numeric: true,
  },
  {
    head: '$ in / out per M',
    cell: price,
    text: ({ pricing }) => (pricing ? `${pricing.input ?? ''}/${pricing.output ?? ''}` : null),
    numeric: true,
  },
  {
    head: 'Spoken at',
    cell: ({ supported_endpoints: endpoints }) =>
      html`${endpoints.map((path) => html`<span class="tag" title="${path}">${spoken[path] ?? path}</span>`)}`,
    text: ({ supported_endpoints: endpoints }) => endpoints.join(' '),
  },
  {
    head: 'Test',
    cell: (row) => {
      const path = pathFor(row)
      if (path === undefined) return html`<span class="quiet">not from here</span>`
      return html`<span class="try"><span class="result" aria-live="polite"></span><button class="small" type="button" data-try data-model="${nameOf(row)}" data-path="${path}" aria-label="Test ${row.id}">${icon('play')}</button></span>`
    },
    numeric: true,
  },
]

const spoken: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'Chat',
  '/v1/responses': 'Responses',
  '/v1/messages': 'Messages',
  '/v1beta/models/{model}:generateContent': 'Gemini',
  '/ollama/api/chat': 'Ollama',
  '/bedrock/model/{model}/invoke': 'Bedrock invoke',
  '/bedrock/model/{model}/converse': 'Bedrock converse',
}

const playground = (all: readonly ModelOffer[], wanted: string | undefined): Html => {
  const talking = all.filter((row) => pathFor(row) !== undefined && !/embed/i.test(row.id))
  if (talking.length === 0) return html``
  return html`<section class="card" id="playground"><header><h2>Playground</h2>
<p>One question, one answer, streamed. It counts against your budget like any other request.</p></header>
<form class="body" data-playground><div class="fields">
<div><label for="model">Model</label><select id="model" name="model">${talking.map(
    (row) =>
      html`<option value="${nameOf(row)}" data-path="${pathFor(row)}"${nameOf(row) === wanted ? html` selected` : ''}>${nameOf(row)}</option>`,
  )}</select></div>
<div class="whole"><label for="text">Message</label><textarea id="text" name="text" rows="3" required placeholder="Why is the sky blue?"></textarea></div>
<div class="whole"><div class="answer" role="log" aria-live="polite" aria-label="Answer" tabindex="0"></div></div></div>
<div class="actions"><button class="primary">Send</button><button type="button" data-stop disabled>Stop</button><span class="result" aria-live="polite"></span></div>
</form></section>`
}
