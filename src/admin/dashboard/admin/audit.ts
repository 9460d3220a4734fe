import { html } from 'hono/html'
import type { AuditRow } from '../../../platform/records/act.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import { linkTo } from '../links.ts'
import type { DashboardPage } from '../page.ts'
import { when } from '../parts/format.ts'
import { card, long, tag } from '../parts/pieces.ts'
import { type Column, table, toCsv } from '../parts/table.ts'

const perPage = 50
const inFile = 1000

export const auditPage = ({ ask }: { readonly ask: Ask }): DashboardPage => ({
  path: '/ui/audit',
  title: 'Audit',
  about: 'Who changed what, or tried to. What cannot be put on record is not done.',
  icon: 'audit',
  needs: 'admin',
  render: async ({ now, asked }) => {
    const before = asked('before')?.slice(0, 64)
    const rows = await ask('audit', { limit: perPage, ...(before && { before }) })
    const last = rows.length === perPage ? rows.at(-1)?.id : undefined
    return card(
      'Acts',
      html`${table({
        caption: 'Acts',
        columns: columns(now),
        rows,
        empty: before
          ? 'That is all.'
          : html`<strong>Nothing was changed yet</strong>Keys, bans, budgets and the configuration leave a line here.`,
        csv: '/ui/audit?csv',
      })}${last || before ? html`<p class="below">${before ? html`<a href="/ui/audit">Newest</a>` : ''}${last ? html`<a href="${linkTo('/ui/audit', { before: last })}">Older</a>` : ''}</p>` : ''}`,
    )
  },
  csv: async ({ now }) => toCsv(columns(now), await ask('audit', { limit: inFile })),
})

const moods = { done: 'good', denied: 'bad', failed: 'warn' } as const

const columns = (now: number): readonly Column<AuditRow>[] => [
  {
    head: 'When',
    cell: ({ at }) => when(at, now),
    text: ({ at }) => new Date(at).toISOString(),
  },
  {
    head: 'Who',
    cell: ({ login, door, clientIp, credentialId }) =>
      html`${long(login || '–')}<span class="sub">${clientIp ? `${door}, ${clientIp}` : credentialId}</span>`,
    text: ({ login }) => login,
  },
  {
    head: 'What',
    cell: ({ action }) => html`<span class="mono">${action}</span>`,
    text: ({ action }) => action,
  },
  {
    head: 'Outcome',
    cell: ({ outcome }) => tag(outcome, moods[outcome]),
    text: ({ outcome }) => outcome,
  },
  {
    head: 'Of what',
    cell: ({ target }) => html`<span class="mono">${long(target)}</span>`,
    text: ({ target }) => target,
  },
  {
    head: 'Detail',
    cell: ({ detail }) => html`<div class="wrap">${detail}</div>`,
    text: ({ detail }) => detail,
  },
]
