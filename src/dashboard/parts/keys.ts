import { html } from 'hono/html'
import type { KeySummary } from '../../admin/questions.ts'
import type { Html } from '../../http/page.ts'
import { when } from './format.ts'
import { act, tag } from './pieces.ts'
import type { Column } from './table.ts'

type State = 'active' | 'expired' | 'revoked'

export const stateOf = ({ revokedAt, expiresAt }: KeySummary, now: number): State =>
  revokedAt !== null ? 'revoked' : expiresAt !== null && expiresAt <= now ? 'expired' : 'active'

const moods = { active: 'good', expired: 'warn', revoked: 'bad' } as const

const limits = ({ limits: { models = [], via = [], role } }: KeySummary): Html | string => {
  const all = [
    ...models,
    ...via.map((door) => `${door} door`),
    ...(role ? [`at most ${role}`] : []),
  ]
  return all.length === 0
    ? html`<span class="quiet">as its login</span>`
    : html`${all.map((limit) => html`<span class="tag long" title="${limit}">${limit}</span>`)}`
}

/** Keys as a table; the secret itself is nowhere. @param whose show logins as well */
export const keyColumns = (now: number, whose: boolean): readonly Column<KeySummary>[] => [
  {
    head: 'Key',
    cell: (key) =>
      html`<strong>${key.name || 'without a name'}</strong><span class="sub mono">${key.signed ? `…${key.hint}` : `pst_${key.hint}…`}</span>`,
    text: ({ name }) => name,
  },
  ...(whose
    ? [
        {
          head: 'Login',
          cell: ({ login }: KeySummary) =>
            html`<span class="long" title="${login}">${login}</span>`,
          text: ({ login }: KeySummary) => login,
        },
      ]
    : []),
  {
    head: 'State',
    cell: (key) => tag(stateOf(key, now), moods[stateOf(key, now)]),
    text: (key) => stateOf(key, now),
  },
  {
    head: 'May do',
    cell: limits,
    text: (key) => JSON.stringify(key.limits),
  },
  {
    head: 'Last used',
    cell: ({ lastUsedAt }) =>
      lastUsedAt === null ? html`<span class="quiet">never</span>` : when(lastUsedAt, now),
    text: ({ lastUsedAt }) => iso(lastUsedAt),
  },
  {
    head: 'Made',
    cell: ({ createdAt, createdBy, login }) =>
      html`${when(createdAt, now)}${createdBy === login ? '' : html`<span class="sub">by ${createdBy}</span>`}`,
    text: ({ createdAt }) => iso(createdAt),
  },
  {
    head: 'Ends',
    cell: ({ expiresAt }) =>
      expiresAt === null ? html`<span class="quiet">never</span>` : when(expiresAt, now),
    text: ({ expiresAt }) => iso(expiresAt),
  },
  {
    head: 'Act',
    bare: true,
    cell: (key) =>
      stateOf(key, now) === 'revoked'
        ? ''
        : act(`DELETE /postern/api/keys/${encodeURIComponent(key.id)}`, 'Revoke', {
            confirm: `Revoke ${key.name ? `“${key.name}”` : 'this key'}? Whatever uses it stops working within a second.`,
          }),
    numeric: true,
  },
]

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())
