import { html } from 'hono/html'
import type { Config, UserConfig } from '../../../config/config.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import type { DashboardPage } from '../page.ts'
import { browsers } from '../parts/browsers.ts'
import { keyColumns, keyForm } from '../parts/keys.ts'
import { card, tag } from '../parts/pieces.ts'
import { type Column, table, toCsv } from '../parts/table.ts'

export interface PeopleSources {
  readonly config: Pick<Config, 'users' | 'groups' | 'mode'>
  readonly ask: Ask
}

export const peoplePage = ({ config, ask }: PeopleSources): DashboardPage => ({
  path: '/ui/people',
  title: 'People and keys',
  about: 'Who signs in with a password, and every key there is.',
  icon: 'people',
  needs: 'admin',
  scripts: ['act.js'],
  render: async ({ now }) =>
    html`${card(
      'Password users',
      table({
        caption: 'Password users',
        columns: userColumns(config.groups),
        rows: [...config.users],
        empty: html`<strong>Nobody signs in with a password</strong><code>npx postern user add NAME</code> makes a user.`,
      }),
      config.mode === 'serve' || config.mode === 'both'
        ? 'People of your tailnet are not listed: they are known without being added here.'
        : html`<code>postern user add</code>, <code>passwd</code> and <code>remove</code> change this list.`,
    )}${card(
      'Keys',
      table({
        caption: 'Keys',
        columns: keyColumns(now, true),
        rows: await ask('keys', {}),
        empty: html`<strong>No keys yet</strong>People make their own under My keys; you can make one for anybody below.`,
        csv: '/ui/people?csv',
      }),
    )}${card('New key', keyForm({ forOthers: true, done: '/ui/people' }))}${browsers(await ask('browsers', {}), now, true)}`,
  csv: async ({ now }) => toCsv(keyColumns(now, true), await ask('keys', {})),
})

type User = readonly [name: string, user: UserConfig]

const userColumns = (groups: Config['groups']): readonly Column<User>[] => [
  { head: 'User name', cell: ([name]) => html`<strong>${name}</strong>` },
  { head: 'Login', cell: ([, { login }]) => login },
  {
    head: 'Groups',
    cell: ([, { login }]) => {
      const names = [...groups].flatMap(([group, members]) =>
        members.includes(login.toLowerCase()) ? [group] : [],
      )
      return names.length === 0
        ? html`<span class="quiet">none</span>`
        : html`${names.map((name) => tag(name))}`
    },
  },
]
