import { html } from 'hono/html'
import type { Config } from '../../../config/config.ts'
import type { Html } from '../../../gateway/http/page.ts'
import { type Address, addressesOf } from '../connect/addresses.ts'
import { type Client, clients } from '../connect/clients.ts'
import { linkTo } from '../links.ts'
import type { DashboardPage } from '../page.ts'
import { card, options, snippet, tabs } from '../parts/pieces.ts'
import type { ModelSources } from './models.ts'

export interface ConnectSources extends ModelSources {
  readonly config: Config
}

/** Stands where a real key has to be put. */
const placeholder = 'YOUR_KEY'

export const connectPage = ({ config, models }: ConnectSources): DashboardPage => ({
  path: '/ui/connect',
  title: 'Connect',
  about: 'What to tell a client: this address, a key or none, and the name of a model.',
  icon: 'connect',
  needs: 'role',
  render: async (view) => {
    const addresses = addressesOf(config, view.c.var.client)
    const address = addresses.find((each) => keyOf(each) === view.asked('at')) ?? addresses[0]
    if (!address) return html``
    const known = (await models(view.permissions)).map(
      ({ id, metadata: { provider } }) => `${provider.id}/${id}`,
    )
    const model = known.find((name) => name === view.asked('model')) ?? known[0] ?? 'provider/model'
    const client = clients.find(({ id }) => id === view.asked('client')) ?? clients[0]
    if (!client) return html``
    const chosen = { at: view.asked('at'), model: view.asked('model') }
    return html`${where({ addresses, address, known, model, client })}${need(address, config.mode)}
<section class="card"><div class="body">${tabs(
      'Clients',
      clients.map(({ id, name }) => ({
        href: linkTo('/ui/connect', { ...chosen, client: id }),
        name,
        current: id === client.id,
      })),
    )}${howTo(client, address, model, config.mode)}</div></section>`
  },
})

const keyOf = ({ base, door }: Address): string => `${door} ${base}`

interface Chosen {
  readonly addresses: readonly Address[]
  readonly address: Address
  readonly known: readonly string[]
  readonly model: string
  readonly client: Client
}

const where = ({ addresses, address, known, model, client }: Chosen): Html =>
  card(
    'Address',
    html`<form class="body" method="get"><input type="hidden" name="client" value="${client.id}"><div class="fields">
<div><label for="at">From where</label><select id="at" name="at" data-go>${options(
      addresses.map((each) => [keyOf(each), each.name]),
      keyOf(address),
    )}</select></div>
<div><label for="model">Model</label><select id="model" name="model" data-go>${options(
      known.map((name) => [name, name]),
      model,
    )}</select></div></div><noscript><div class="actions"><button>Show</button></div></noscript>
${snippet(`${address.base}/v1`, 'Base URL (Anthropic’s and Gemini’s clients: without /v1)')}</form>`,
  )

/** Who comes from there is known without a key. */
const isKnown = ({ door }: Address, mode: Config['mode']): boolean =>
  door === 'tailnet' && (mode === 'serve' || mode === 'both')

const need = (address: Address, mode: Config['mode']): Html =>
  isKnown(address, mode)
    ? html`<p class="note good">Your tailnet knows you: no key is needed. Clients that insist on one take any word.</p>`
    : html`<p class="note">A key is needed from there: <a href="/ui/keys">make one</a>, and put it where <code>${placeholder}</code> stands. <code>user:password</code> works as well.</p>`

const howTo = (
  { about, snippets }: Client,
  address: Address,
  model: string,
  mode: Config['mode'],
): Html => {
  const key = isKnown(address, mode) ? 'not-needed' : placeholder
  return html`<p class="quiet">${about}</p>${snippets({ base: address.base, key, model }).map(([title, code]) => snippet(code, title))}`
}
