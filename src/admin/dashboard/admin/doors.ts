import { html } from 'hono/html'
import type { Config, ListenerConfig, Mode } from '../../../config/config.ts'
import type { Html } from '../../../gateway/http/page.ts'
import type { Exposed } from '../../../platform/machine.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import type { DashboardPage } from '../page.ts'
import { when } from '../parts/format.ts'
import { act, card, options, tag, tiles } from '../parts/pieces.ts'
import { type Column, table, toCsv } from '../parts/table.ts'
import { attempts, attemptsAsked } from './attempts.ts'

export interface DoorsSources {
  readonly config: Pick<Config, 'mode' | 'front' | 'listeners' | 'allowedHosts' | 'users'>
  readonly ask: Ask
  /** What `postern expose` has opened; undefined: nothing, or that cannot be known here. */
  readonly exposed: () => Promise<Exposed | undefined>
  /** Can the configuration be changed from here? */
  readonly changeable: boolean
}

export const doorsPage = (sources: DoorsSources): DashboardPage => {
  const bans = (now: number) => sources.ask('bans', { now })
  return {
    path: '/ui/doors',
    title: 'Doors',
    about: 'What is open, to whom, and who is banned.',
    icon: 'doors',
    needs: 'admin',
    scripts: ['act.js'],
    render: async ({ now }) => {
      const [rows, turnedAway, exposed] = await Promise.all([
        bans(now),
        sources.ask('attempts', attemptsAsked(now)),
        // What cannot be read is the doctor's business.
        sources.exposed().catch(() => undefined),
      ])
      return html`${open(sources, exposed, now)}${attempts(turnedAway, rows, now)}${card(
        'Shut out',
        table({
          caption: 'Banned addresses',
          columns: banColumns(now),
          rows,
          empty: html`<strong>Nobody is banned</strong>After too many wrong passwords an address is, by itself, and twice as long each time.`,
          csv: '/ui/doors?csv',
        }),
        'Those in force, and those that ended in the last seven days.',
      )}${card('Shut somebody out', banForm)}${card(
        'Listeners',
        table({
          caption: 'Listeners',
          columns: listenerColumns,
          rows: sources.config.listeners,
          empty: '',
        }),
        'The sockets of this gateway, and what each may believe about who is calling.',
      )}`
    },
    csv: async ({ now }) => toCsv(banColumns(now), await bans(now)),
  }
}

const modes: Readonly<Record<Mode, { readonly tailnet: boolean; readonly internet: boolean }>> = {
  local: { tailnet: false, internet: false },
  serve: { tailnet: true, internet: false },
  funnel: { tailnet: true, internet: true },
  both: { tailnet: true, internet: true },
}

const open = (
  { config: { mode, allowedHosts }, changeable }: DoorsSources,
  exposed: Exposed | undefined,
  now: number,
): Html => {
  const { tailnet, internet } = modes[mode]
  const names = allowedHosts.length === 0 ? '' : allowedHosts.join(', ')
  const state = (is: boolean) => (is ? tag('open', 'good') : tag('shut'))
  const byWho = mode === 'funnel' ? 'by password or key' : 'by who they are'
  return html`${tiles([
    ['This machine', tag('open', 'good'), 'by password or key'],
    ['Your tailnet', state(tailnet), tailnet ? byWho : 'postern expose serve opens it'],
    [
      'The internet',
      state(internet),
      internet ? 'by password or key' : 'postern expose funnel opens it',
    ],
    ['Mode', mode, html`${exposed?.mode === mode ? spell(exposed, now) : ''}${names}`],
  ])}${internet && changeable ? closeCard(mode) : ''}`
}

/** How long it has been like this, and how long it will be. */
const spell = ({ since, until }: Exposed, now: number): Html =>
  html`${since === undefined ? '' : html`<span class="sub">opened ${when(since, now)}</span>`}${until === undefined ? '' : html`<span class="sub">closes ${when(until, now)}</span>`}`

/** At once, whatever tailscaled goes on doing: each request is looked at. */
const closeCard = (mode: Mode): Html =>
  card(
    'Close the door to the internet',
    html`<div class="body"><form data-act="PUT /postern/api/mode" data-confirm="Close the door to the internet? Whoever comes from there is refused from now on." data-yes="Close it"><input type="hidden" name="mode" value="${mode === 'both' ? 'serve' : 'local'}"><button class="danger">Close now</button><div class="outcome" aria-live="polite"></div></form></div>`,
    html`In force with the next request. <code>postern expose off</code> on the machine also takes it out of tailscaled.`,
  )

const banColumns = (now: number): readonly Column<Ban>[] => [
  {
    head: 'Address',
    cell: ({ address }) => html`<span class="mono">${address}</span>`,
    text: ({ address }) => address,
  },
  {
    head: 'State',
    cell: ({ until }) => (until !== null && until <= now ? tag('ended') : tag('banned', 'bad')),
    text: ({ until }) => (until !== null && until <= now ? 'ended' : 'in force'),
  },
  {
    head: 'Why',
    cell: ({ cause, level, note }) =>
      html`${cause === 'admin' ? 'by an admin' : html`wrong passwords${level > 1 ? html`, <span class="num">${level}</span> times in a row` : ''}`}${note ? html`<span class="sub">${note}</span>` : ''}`,
    text: ({ cause, note }) => (note ? `${cause}: ${note}` : cause),
  },
  {
    head: 'Since',
    cell: ({ startedAt }) => when(startedAt, now),
    text: ({ startedAt }) => new Date(startedAt).toISOString(),
  },
  {
    head: 'Until',
    cell: ({ until }) =>
      until === null ? html`<span class="quiet">lifted by hand</span>` : when(until, now),
    text: ({ until }) => (until === null ? null : new Date(until).toISOString()),
  },
  {
    head: 'Act',
    bare: true,
    cell: ({ address }) =>
      act(`DELETE /postern/api/bans/${encodeURIComponent(address)}`, 'Let in', {
        confirm: `Let ${address} in again?`,
      }),
    numeric: true,
  },
]

const hour = 3600
const lengths = [
  [String(hour), '1 hour'],
  [String(24 * hour), '1 day'],
  [String(7 * 24 * hour), '7 days'],
  ['null', 'until lifted'],
] as const

const banForm = html`<form class="body" data-act="POST /postern/api/bans" autocomplete="off"><div class="fields">
<div><label for="address">Address</label><input id="address" name="address" required maxlength="64" spellcheck="false" placeholder="203.0.113.7 or 2001:db8::/64"></div>
<div><label for="seconds">For</label><select id="seconds" name="seconds" data-type="number">${options(lengths, String(24 * hour))}</select></div>
<div><label for="note">Why</label><input id="note" name="note" maxlength="256"></div>
</div><div class="actions"><button>Shut out</button></div><div class="outcome" aria-live="polite"></div></form>`

const bindOf = ({ bind }: ListenerConfig): string =>
  bind.kind === 'tcp' ? `${bind.host}:${bind.port}` : bind.path

const believes: Readonly<Record<ListenerConfig['identity'], string>> = {
  none: 'nobody: credentials only',
  serve: 'tailscaled, about people of the tailnet',
  whois: 'tailscaled, asked about each address',
  caddy: 'Caddy, about people of the tailnet',
}

const listenerColumns: readonly Column<ListenerConfig>[] = [
  { head: 'Name', cell: ({ name }) => html`<strong>${name}</strong>` },
  { head: 'Binds', cell: (row) => html`<span class="mono">${bindOf(row)}</span>` },
  { head: 'Believes', cell: ({ identity }) => believes[identity] },
  {
    head: 'Trusted proxies',
    cell: ({ trustedProxies }) =>
      trustedProxies.length === 0
        ? html`<span class="quiet">none</span>`
        : html`${trustedProxies.map((proxy) => tag(proxy))}`,
  },
]
