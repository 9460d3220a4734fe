import { html } from 'hono/html'
import type { Config, GrantConfig, GrantEntry } from '../../../config/config.ts'
import type { Html } from '../../../gateway/http/page.ts'
import type { Door } from '../../../platform/caller.ts'
import type { DashboardPage, View } from '../page.ts'
import { card, options, tag } from '../parts/pieces.ts'
import { type Column, table, toCsv } from '../parts/table.ts'

/** Why they may, or may not, at one door. */
export interface Explanation {
  readonly door: Door
  readonly allowed: boolean
  readonly role?: { readonly name: string; readonly grant: number; readonly source: string }
  readonly routes: readonly {
    readonly provider: string
    readonly model: string
    readonly pattern: string
    readonly grant: number
    readonly source: string
  }[]
  readonly reasons: readonly { readonly text: string; readonly grant?: number }[]
}

export interface AccessSources {
  readonly config: Pick<Config, 'grants' | 'groups'>
  readonly explain: (who: string, model: string, door: Door | undefined) => readonly Explanation[]
  /** Every `provider/model` there is. */
  readonly known: () => readonly string[]
}

export const accessPage = (sources: AccessSources): DashboardPage => ({
  path: '/ui/access',
  title: 'Access',
  about: 'Who may use what, by which door. What no grant allows is refused.',
  icon: 'access',
  needs: 'admin',
  render: (view) =>
    html`${why(view, sources)}${card(
      'Grants',
      table({
        caption: 'Grants',
        columns,
        rows: rowsOf(sources.config),
        empty: html`<strong>No grants</strong>Only the owner of this machine&rsquo;s node, and the first user, may do anything. Add grants in the <a href="/ui/config">configuration</a>.`,
        csv: '/ui/access?csv',
      }),
      html`In the order of the <a href="/ui/config">configuration</a>; what several grants give adds up.`,
    )}${groups(sources.config)}`,
  csv: () => toCsv(columns, rowsOf(sources.config)),
})

interface Row {
  readonly index: number
  readonly grant: GrantConfig
  readonly entries: readonly GrantEntry[]
}

const rowsOf = ({ grants }: Pick<Config, 'grants'>): readonly Row[] =>
  grants.map((grant, index) => ({ index, grant, entries: grant.entries }))

const rolesOf = ({ entries }: Row): readonly string[] => [
  ...new Set(entries.flatMap(({ role }) => role ?? [])),
]
const modelsOf = ({ entries }: Row): readonly string[] =>
  entries.flatMap(({ models = [] }) => models)

const columns: readonly Column<Row>[] = [
  {
    head: '#',
    cell: ({ index }) => html`<span class="quiet num" id="grant-${index}">${index}</span>`,
    text: ({ index }) => index,
  },
  {
    head: 'Who',
    cell: ({ grant: { src } }) =>
      html`${src.map((who) => html`<span class="tag long" title="${who}">${who === '*' ? 'everybody' : who}</span>`)}`,
    text: ({ grant }) => grant.src.join(' '),
  },
  {
    head: 'Role',
    cell: (row) =>
      html`${rolesOf(row).map((role) => tag(role, role === 'admin' ? 'accent' : undefined))}`,
    text: (row) => rolesOf(row).join(' '),
  },
  {
    head: 'Models',
    cell: (row) =>
      modelsOf(row).length === 0
        ? html`<span class="quiet">none</span>`
        : html`${modelsOf(row).map((glob) => html`<span class="tag long mono" title="${glob}">${glob === '**' ? 'every model' : glob}</span>`)}`,
    text: (row) => modelsOf(row).join(' '),
  },
  {
    head: 'Doors',
    cell: ({ grant: { via } }) =>
      via ? html`${via.map((door) => tag(door))}` : html`<span class="quiet">every door</span>`,
    text: ({ grant }) => (grant.via ?? []).join(' '),
  },
  {
    head: 'And',
    cell: (row) => html`${besides(row).map((what) => tag(what))}`,
    text: (row) => besides(row).join(', '),
  },
]

const besides = ({ entries, grant }: Row): readonly string[] => [
  ...entries.flatMap(({ quotas = [] }) => quotas.map((name) => `budget ${name}`)),
  ...entries.flatMap(({ sendHooks = [] }) => sendHooks.map(({ name }) => `hook ${name}`)),
  ...(entries.some(({ readMetrics }) => readMetrics) ? ['metrics'] : []),
  ...(entries.some(({ readPricing }) => readPricing) ? ['prices'] : []),
  ...(entries.some(({ cors }) => cors) ? ['other origins'] : []),
  ...(entries.some(({ addHeaders }) => addHeaders) ? ['headers'] : []),
  ...(grant.shared ? ['shared-in people'] : []),
]

const groups = ({ groups: all }: Pick<Config, 'groups'>): Html | string =>
  all.size === 0
    ? ''
    : card(
        'Groups',
        table<readonly [string, readonly string[]]>({
          caption: 'Groups',
          columns: [
            { head: 'Group', cell: ([name]) => html`<strong>${name}</strong>` },
            { head: 'Members', cell: ([, logins]) => html`${logins.map((login) => tag(login))}` },
          ],
          rows: [...all],
          empty: '',
        }),
      )

const doors = [
  ['', 'any door'],
  ['local', 'this machine'],
  ['tailnet', 'the tailnet'],
  ['public', 'the internet'],
] as const

const why = ({ asked }: View, { explain, known }: AccessSources): Html => {
  const [who, model, door] = [asked('who'), asked('model'), asked('door')]
  const wanted = door === 'local' || door === 'tailnet' || door === 'public' ? door : undefined
  const answers =
    who !== undefined && model !== undefined
      ? explain(who.slice(0, 512), model.slice(0, 512), wanted)
      : undefined
  return card(
    'May they?',
    html`<div class="body"><form class="line" method="get">
<div><label for="who">Who</label><input id="who" name="who" required maxlength="512" value="${who ?? ''}" placeholder="alice@example.com" spellcheck="false" autocapitalize="none"></div>
<div><label for="model">Model</label><input id="model" name="model" required maxlength="512" value="${model ?? ''}" list="models" placeholder="provider/model" spellcheck="false" autocapitalize="none"><datalist id="models">${known().map((name) => html`<option value="${name}"></option>`)}</datalist></div>
<div class="narrow"><label for="door">Door</label><select id="door" name="door">${options(doors, door)}</select></div>
<button class="primary">Ask</button></form>
<div class="outcome">${answers ? html`${answers.map(answer)}` : ''}</div></div>`,
    html`A login, a user name, <code>tag:a,tag:b</code> or <code>group:x</code>: which grant allows it, or everything that stands in the way.`,
  )
}

const where: Readonly<Record<Door, string>> = {
  local: 'from this machine',
  tailnet: 'by the tailnet',
  public: 'from the internet',
}

const answer = ({ door, allowed, role, routes, reasons }: Explanation): Html =>
  allowed
    ? html`<div class="note good"><strong>Yes, ${where[door]}.</strong><ul>${routes.map(
        ({ provider, model, pattern, grant, source }) =>
          html`<li>${provider}/${model}: <a href="#grant-${grant}">grant ${grant}</a> names &ldquo;${source}&rdquo; and allows &ldquo;${pattern}&rdquo;</li>`,
      )}${role ? html`<li>role ${role.name}: <a href="#grant-${role.grant}">grant ${role.grant}</a></li>` : ''}</ul></div>`
    : html`<div class="note bad"><strong>No, not ${where[door]}.</strong><ul>${reasons.map(
        ({ text, grant }) =>
          html`<li>${text}${grant === undefined ? '' : html` (<a href="#grant-${grant}">grant ${grant}</a>)`}</li>`,
      )}</ul></div>`
