import { html } from 'hono/html'
import { hideSecrets } from '../../../config/keep.ts'
import type { Html } from '../../../gateway/http/page.ts'
import type { Ask, ConfigVersionSummary } from '../../../platform/records/questions.ts'
import type { ConfigDocument } from '../../api/config/document.ts'
import type { DashboardPage, View } from '../page.ts'
import { when } from '../parts/format.ts'
import { card, long, tag } from '../parts/pieces.ts'
import { type Column, table } from '../parts/table.ts'

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
  render: async (view) => {
    if (!document) return elsewhere
    const { text, version } = await document.read()
    const shown = hideSecrets(text)
    return html`${shown === undefined ? broken : editor(shown, version)}${await history(ask, view, shown)}`
  },
})

/** Shown at once, and as many as there are. */
const [few, most] = [20, 200]

const elsewhere = html`<p class="note">The configuration of this gateway is not a file that it could change: it comes from where the gateway was deployed.</p>`

const broken = html`<p class="note bad">The file on disk is not HuJSON, so it is not shown: a secret could stand anywhere in it. <code>npx postern check</code> on the machine says where. The gateway goes on with what was in force before.</p>`

const editor = (text: string, version: string): Html =>
  html`<section class="card"><div class="body"><form data-editor data-version="${version}">
<div class="editor"><ol aria-hidden="true"></ol><textarea name="config" aria-label="Configuration" aria-describedby="verdict" spellcheck="false" autocapitalize="none" autocomplete="off" wrap="off">${text}</textarea></div>
<div class="outcome" id="verdict" aria-live="polite"></div>
<div class="actions"><button class="primary" disabled>Review and save&hellip;</button><button type="reset" disabled>Undo all</button><span class="quiet" data-state>As in force</span></div>
<p class="hint">Secrets are shown as <code>"keep:&hellip;"</code> marks, which stand for them. Nobody can take their own admin role away here.</p></form></div></section>
<dialog id="review" class="wide" aria-labelledby="review-title"><form method="dialog"><h2 id="review-title">What changes</h2><pre class="diff" tabindex="0"></pre><div class="actions"><button value="no">Back</button><button value="edit">Into the editor</button><button value="yes" class="primary">Save</button></div></form></dialog>`

const history = async (
  ask: Ask,
  { now, asked }: View,
  shown: string | undefined,
): Promise<Html> => {
  const all = asked('versions') === 'all'
  const [rows, newest] = await Promise.all([
    ask('configVersions', { limit: all ? most : few }),
    ask('configVersion', {}),
  ])
  const present = newest?.config === shown ? newest?.id : undefined
  return html`<div id="versions">${card(
    'Versions',
    html`${table({
      caption: 'Versions',
      columns: columns(now, present, shown !== undefined),
      rows,
      empty: 'None yet: each configuration that is saved here, or by hand, is kept from now on.',
    })}${!all && rows.length === few ? html`<p class="below"><a href="/ui/config?versions=all#versions">All that are kept</a></p>` : ''}`,
    `The latest ${most} are kept, their secrets as marks: whoever goes back gets the secrets of today.`,
  )}</div>`
}

const columns = (
  now: number,
  present: string | undefined,
  comparable: boolean,
): readonly Column<ConfigVersionSummary>[] => [
  {
    head: 'When',
    cell: ({ id, at }) =>
      html`${when(at, now)}${id === present ? html` ${tag('in force', 'good')}` : ''}`,
  },
  {
    head: 'Who',
    cell: ({ login }) => (login ? long(login) : html`<span class="quiet">by hand</span>`),
  },
  {
    head: 'What changed',
    cell: ({ changes }) =>
      changes
        ? html`<div class="wrap mono">${changes}</div>`
        : html`<span class="quiet">as it was found</span>`,
  },
  {
    head: 'Act',
    bare: true,
    cell: ({ id }) =>
      comparable && id !== present
        ? html`<button type="button" class="small" data-compare="${id}">Compare&hellip;</button>`
        : '',
    numeric: true,
  },
]
