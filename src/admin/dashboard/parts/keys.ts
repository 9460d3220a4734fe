import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import type { KeySummary } from '../../../platform/records/questions.ts'
import { when } from './format.ts'
import { act, options, tag } from './pieces.ts'
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

const day = 86_400
const lifetimes = [
  [String(7 * day), '7 days'],
  [String(30 * day), '30 days'],
  [String(90 * day), '90 days'],
  [String(365 * day), 'a year'],
  ['null', 'never'],
] as const

/** Makes a key, and shows it once. @param forOthers also in the name of somebody else */
export const keyForm = ({ forOthers, done }: { forOthers: boolean; done: string }): Html =>
  html`<form class="body" data-act="POST /postern/api/keys" data-then="new-key" autocomplete="off"><div class="fields">
<div><label for="name">What is it for?</label><input id="name" name="name" maxlength="128" required placeholder="Laptop, Home Assistant, &hellip;"></div>
${
  forOthers
    ? html`<div><label for="login">Whose</label><input id="login" name="login" maxlength="254" placeholder="alice@example.com"><p class="hint">Empty: your own.</p></div>`
    : ''
}<div><label for="expires">Ends after</label><select id="expires" name="expires_in" data-type="number">${options(lifetimes, String(90 * day))}</select></div>
<div><label for="models">Only these models</label><input id="models" name="models" data-type="list" spellcheck="false" placeholder="ollama/**, openai/gpt-*"><p class="hint">Patterns <code>provider/model</code>. Empty: every model of its login.</p></div>
<fieldset><legend>Only by these doors</legend><div class="choices">${[
    'local',
    'tailnet',
    'public',
  ].map(
    (door) =>
      html`<label><input type="checkbox" name="via" value="${door}" data-type="all">${door}</label>`,
  )}</div><p class="hint">None: by every door.</p></fieldset>
</div><div class="actions"><button class="primary">Create key</button></div><div class="outcome" aria-live="polite"></div></form>
<template id="new-key"><div class="note good"><strong>This is the key. It is shown this once.</strong><div class="secret"><code data-field="key"></code><button type="button" data-copy>Copy</button><a class="button" href="${done}">Done</a></div></div></template>`
