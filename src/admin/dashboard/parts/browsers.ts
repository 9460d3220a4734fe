import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import type { Browser } from '../../../platform/records/act.ts'
import { when } from './format.ts'
import { act, card, long } from './pieces.ts'
import { type Column, table } from './table.ts'

/** Who is signed in with a password, and where. @param whose show logins as well */
export const browsers = (rows: readonly Browser[], now: number, whose: boolean): Html =>
  card(
    whose ? 'Signed-in browsers' : 'Where you are signed in',
    table({
      caption: 'Signed-in browsers',
      columns: columns(now, whose),
      rows,
      empty: whose
        ? 'Nobody is signed in with a password.'
        : 'Nowhere with a password: the tailnet, or this machine, knows you.',
    }),
    'With a password. A browser that does not come back for 30 days is signed out by itself.',
  )

const columns = (now: number, whose: boolean): readonly Column<Browser>[] => [
  {
    head: 'Browser',
    cell: ({ userAgent }) => html`<strong title="${userAgent}">${nameOf(userAgent)}</strong>`,
  },
  ...(whose ? [{ head: 'Login', cell: ({ login }: Browser) => long(login) }] : []),
  {
    head: 'From',
    cell: ({ door, clientIp }) => html`${door}<span class="sub mono">${clientIp}</span>`,
  },
  { head: 'Signed in', cell: ({ startedAt }) => when(startedAt, now) },
  {
    head: 'Act',
    bare: true,
    cell: ({ id }) =>
      act(`DELETE /postern/api/browsers/${encodeURIComponent(id)}`, 'Sign out', {
        confirm: 'Sign this browser out? It stops within a second.',
      }),
    numeric: true,
  },
]

/** Chrome says that it is Safari, and Edge that it is both: the first that fits. */
const programs = [
  ['Edg/', 'Edge'],
  ['OPR/', 'Opera'],
  ['Firefox/', 'Firefox'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
] as const
const systems = [
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Android', 'Android'],
  ['Windows', 'Windows'],
  ['Mac OS', 'Mac'],
  ['Linux', 'Linux'],
] as const

const nameOf = (userAgent: string): string => {
  const find = (list: readonly (readonly [string, string])[]) =>
    list.find(([mark]) => userAgent.includes(mark))?.[1]
  const [program, system] = [find(programs), find(systems)]
  if (program === undefined) return userAgent.slice(0, 40) || 'without a name'
  return system === undefined ? program : `${program} on ${system}`
}
