import { html } from 'hono/html'
import type { Ask } from '../../../platform/records/questions.ts'
import type { DashboardPage, View } from '../page.ts'
import { browsers } from '../parts/browsers.ts'
import { keyColumns, keyForm } from '../parts/keys.ts'
import { card } from '../parts/pieces.ts'
import { table, toCsv } from '../parts/table.ts'

export const keysPage = ({ ask }: { readonly ask: Ask }): DashboardPage => {
  const rows = ({ caller: { login } }: View) => ask('keys', { login })
  return {
    path: '/ui/keys',
    title: 'My keys',
    about:
      'For programs that cannot sign in. A key may do no more than you, and less if you say so.',
    icon: 'keys',
    needs: 'role',
    scripts: ['act.js'],
    render: async (view) =>
      html`${card(
        'Your keys',
        table({
          caption: 'Your keys',
          columns: keyColumns(view.now, false),
          rows: await rows(view),
          empty: html`<strong>No keys yet</strong>Make one below, and put it where a program asks for an API key.`,
          csv: '/ui/keys?csv',
        }),
      )}${card('New key', keyForm({ forOthers: false, done: '/ui/keys' }))}${browsers(
        await ask('browsers', { login: view.caller.login }),
        view.now,
        false,
      )}`,
    csv: async (view) => toCsv(keyColumns(view.now, false), await rows(view)),
  }
}
