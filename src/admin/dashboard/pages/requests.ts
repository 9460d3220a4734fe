import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import type { Ask, Questions } from '../../../platform/records/questions.ts'
import { OUTCOMES } from '../../../platform/records/usage.ts'
import { linkTo } from '../links.ts'
import type { DashboardPage, View } from '../page.ts'
import { card, options } from '../parts/pieces.ts'
import { type Range, rangeOf, rangeTabs } from '../parts/range.ts'
import { table, toCsv } from '../parts/table.ts'
import { outcomeOptions, requestColumns } from '../parts/usage.ts'

const perPage = 50
const inFile = 1000
/** Of a filter in the address: what is longer is nothing that the ledger has. */
const longest = 256

type Asked = Questions['requests']['asks']

export const requestsPage = ({ ask }: { readonly ask: Ask }): DashboardPage => ({
  path: '/ui/requests',
  title: 'Requests',
  about: 'Every request that passed the door, whatever became of it.',
  icon: 'requests',
  needs: 'role',
  forAdmins: true,
  render: async (view) => {
    const { now, isAdmin } = view
    const range = rangeOf(view, '7d')
    const filter = filterOf(view)
    const { rows, next } = await ask('requests', { ...askedOf(view, range), limit: perPage })
    const kept = { ...filter, ...range.query }
    const before = view.asked('before')
    return html`${rangeTabs('/ui/requests', range, filter)}${card(
      'Requests',
      html`${search(view, range)}${table({
        caption: 'Requests',
        columns: requestColumns(now, isAdmin),
        rows,
        empty: next
          ? 'Not among the newest: look at the older ones.'
          : html`<strong>Nothing in ${range.words}</strong>Look at a longer time, or leave out a filter.`,
        csv: linkTo('/ui/requests', { ...kept, csv: '1' }),
      })}${
        next || before
          ? html`<p class="below">${before ? html`<a href="${linkTo('/ui/requests', kept)}">Newest</a>` : ''}${next ? html`<a href="${linkTo('/ui/requests', { ...kept, before: `${next.startedAt}.${next.id}` })}">Older</a>` : ''}</p>`
          : ''
      }`,
    )}`
  },
  csv: async (view) => {
    const { rows } = await ask('requests', { ...askedOf(view, rangeOf(view, '7d')), limit: inFile })
    return toCsv(requestColumns(view.now, view.isAdmin), rows)
  },
})

const filters = [
  'text',
  'model',
  'provider',
  'door',
  'agent',
  'outcome',
  'error',
  'session',
  'login',
] as const

const filterOf = ({ asked, isAdmin }: View): Partial<Record<(typeof filters)[number], string>> =>
  Object.fromEntries(
    filters
      // Whose requests are seen is not for the address to say.
      .filter((name) => isAdmin || name !== 'login')
      .flatMap((name) => {
        const value = asked(name)?.slice(0, longest)
        return value ? [[name, value]] : []
      }),
  )

const doors = ['local', 'tailnet', 'public'] as const

const askedOf = (view: View, { since, until }: Range): Omit<Asked, 'limit'> => {
  const { door, outcome, error, ...rest } = filterOf(view)
  const [at, id] = /^(\d{1,15})\.([\w-]{0,64})$/.exec(view.asked('before') ?? '')?.slice(1) ?? []
  return {
    ...rest,
    ...(!view.isAdmin && { login: view.caller.login }),
    ...oneOf('door', doors, door),
    ...oneOf('outcome', OUTCOMES, outcome),
    ...(error !== undefined && { errorCode: error }),
    since,
    ...(until !== undefined && { until }),
    ...(at !== undefined && { before: { startedAt: Number(at), id: id ?? '' } }),
  }
}

const oneOf = <Name extends string, Value extends string>(
  name: Name,
  known: readonly Value[],
  given: string | undefined,
): { readonly [key in Name]?: Value } => {
  const value = known.find((each) => each === given)
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in Name]?: Value }
}

const search = (view: View, range: Range): Html => {
  const filter = filterOf(view)
  const { text, model, login, door, outcome, error, provider, agent, session } = filter
  const field = (name: string, label: string, value: string | undefined) =>
    html`<div><label for="f-${name}">${label}</label><input id="f-${name}" name="${name}" value="${value ?? ''}" maxlength="${longest}" spellcheck="false" autocapitalize="none"></div>`
  return html`<form class="body line" method="get" role="search">${Object.entries({
    ...range.query,
    provider,
    agent,
    session,
  }).map(([name, value]) =>
    value ? html`<input type="hidden" name="${name}" value="${value}">` : '',
  )}${field('text', 'Search', text)}${field('model', 'Model', model)}${view.isAdmin ? field('login', 'Login', login) : ''}
<div class="narrow"><label for="f-outcome">Outcome</label><select id="f-outcome" name="outcome">${options(
    [['', 'any'], ...outcomeOptions],
    outcome,
  )}</select></div>${field('error', 'Error code', error)}
<div class="narrow"><label for="f-door">Door</label><select id="f-door" name="door">${options([['', 'any'], ...doors.map((each) => [each, each] as const)], door)}</select></div>
<button>Show</button>${Object.keys(filter).length > 0 ? html`<a class="button plain" href="${linkTo('/ui/requests', range.query)}">All</a>` : ''}</form>`
}
