import { html } from 'hono/html'
import type { ConfigDocument } from '../../admin/document.ts'
import type { Ask } from '../../admin/questions.ts'
import { hideSecrets } from '../../config/keep.ts'
import type { Html } from '../../http/page.ts'
import type { DashboardPage } from '../page.ts'
import { when } from '../parts/format.ts'
import { card, long } from '../parts/pieces.ts'
import { table } from '../parts/table.ts'

export interface ConfigSources {
  /** Absent where it cannot be changed from here. */
  readonly document: ConfigDocument | undefined
  readonly ask: Ask
}

export const configPage = ({ document, ask }: ConfigSources): DashboardPage => ({
  path: '/ui/config',
  title: 'Configuration',
  about:
    'The file as it is, comments and all. It is checked while you type and in force as soon as it is saved.',
  icon: 'config',
  needs: 'admin',
  scripts: ['edit.js'],
  render: async ({ now }) => {
    if (!document) return elsewhere
    const { text, version } = await document.read()
    const shown = hideSecrets(text)
    return html`${shown === undefined ? broken : editor(shown, version)}${await history(ask, now)}`
  },
})

const elsewhere = html`<p class="note">The configuration of this gateway is not a file that it could change: it comes from where the gateway was deployed.</p>`

const broken = html`<p class="note bad">The file on disk is no HuJSON, so it is not shown: a secret could stand anywhere in it. <code>npx postern check</code> on the machine says where. The gateway goes on with what was in force before.</p>`

const editor = (text: string, version: string): Html =>
  html`<section class="card"><div class="body"><form data-editor data-version="${version}">
<div class="editor"><ol aria-hidden="true"></ol><textarea name="config" aria-label="Configuration" aria-describedby="verdict" spellcheck="false" autocapitalize="none" autocomplete="off" wrap="off">${text}</textarea></div>
<div class="outcome" id="verdict" aria-live="polite"></div>
<div class="actions"><button class="primary" disabled>Review and save…</button><button type="reset" disabled>Undo all</button><span class="quiet" data-state>As in force</span></div>
<p class="hint">Secrets are shown as <code>"keep:…"</code> marks, which stand for them. Nobody can take their own admin role away here.</p></form></div></section>
<dialog id="review" class="wide" aria-labelledby="review-title"><form method="dialog"><h2 id="review-title">What changes</h2><pre class="diff" tabindex="0"></pre><div class="actions"><button value="no">Back</button><button value="yes" class="primary">Save</button></div></form></dialog>`

const history = async (ask: Ask, now: number): Promise<Html> => {
  const acts = await ask('audit', { limit: 200 })
  const rows = acts.filter(({ action }) => action === 'config.replace').slice(0, 20)
  return card(
    'Lately changed',
    table({
      caption: 'Changes of the configuration',
      columns: [
        { head: 'When', cell: ({ at }) => when(at, now) },
        { head: 'Who', cell: ({ login }) => long(login) },
        { head: 'Outcome', cell: ({ outcome }) => outcome },
        { head: 'Lines', cell: ({ detail }) => html`<div class="wrap mono">${detail}</div>` },
      ],
      rows,
      empty: 'Not from here, so far. Changes of the file by hand are not on record.',
    }),
  )
}
