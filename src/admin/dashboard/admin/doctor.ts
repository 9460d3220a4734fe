import { html } from 'hono/html'
import type { DashboardPage } from '../page.ts'
import { card, tag } from '../parts/pieces.ts'
import { type Column, table, toCsv } from '../parts/table.ts'

/** What was found out about one thing. */
export interface Found {
  readonly id: string
  readonly about: string
  readonly severity: 'ok' | 'warning' | 'error' | 'unknown'
  readonly says: string
  readonly remedy: string
}

export interface DoctorSources {
  /** Looks at everything, which takes seconds. */
  readonly examine: () => Promise<readonly Found[]>
}

export const doctorPage = ({ examine }: DoctorSources): DashboardPage => ({
  path: '/ui/doctor',
  title: 'Doctor',
  about: 'Every known failure of such a set-up, its cause and what to do.',
  icon: 'doctor',
  needs: 'admin',
  scripts: ['late.js'],
  render: async ({ asked }) => {
    if (!asked('look')) return waiting
    const found = (await examine()).toSorted((a, b) => rank(a) - rank(b))
    const bad = found.filter(({ severity }) => severity !== 'ok')
    const errors = bad.filter(({ severity }) => severity === 'error').length
    return html`<div id="found"><p class="note ${errors > 0 ? 'bad' : bad.length > 0 ? 'warn' : 'good'}"><strong>${
      errors > 0
        ? `${errors} ${errors === 1 ? 'thing does' : 'things do'} not work.`
        : bad.length > 0
          ? 'Everything works; some of it could be better.'
          : 'Everything is as it should be.'
    }</strong></p>${card(
      'What was found',
      table({
        caption: 'What was found',
        columns,
        rows: found,
        empty: 'Nothing was looked at.',
        csv: '/ui/doctor?csv',
      }),
    )}<p><a class="button" href="/ui/doctor">Look again</a></p></div>`
  },
  csv: async () => toCsv(columns, await examine()),
})

/** The page is there at once; what takes seconds is put in its place. */
const waiting = html`<div id="found" data-late="/ui/doctor?look=1"><p class="note"><span class="spin"></span> Looking at everything. This takes a few seconds.</p><noscript><p><a class="button" href="/ui/doctor?look=1">Look</a></p></noscript></div>`

const order = ['error', 'warning', 'unknown', 'ok']
const rank = ({ severity }: Found): number => order.indexOf(severity)

const moods = { ok: 'good', warning: 'warn', error: 'bad', unknown: undefined } as const
const names = {
  ok: 'fine',
  warning: 'could be better',
  error: 'does not work',
  unknown: 'not known',
}

const columns: readonly Column<Found>[] = [
  {
    head: 'What',
    cell: ({ id, about }) => html`<strong>${about}</strong><span class="sub mono">${id}</span>`,
    text: ({ id, about }) => `${id} ${about}`,
  },
  {
    head: 'State',
    cell: ({ severity }) => tag(names[severity], moods[severity]),
    text: ({ severity }) => severity,
  },
  {
    head: 'What is so',
    cell: ({ says }) => html`<div class="wrap">${says}</div>`,
    text: ({ says }) => says,
  },
  {
    head: 'What to do',
    cell: ({ remedy }) => html`<div class="wrap">${remedy}</div>`,
    text: ({ remedy }) => remedy,
  },
]
