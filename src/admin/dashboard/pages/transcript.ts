import { html } from 'hono/html'
import type { Part } from '../../../gateway/capture/pack.ts'
import type { Html } from '../../../gateway/http/page.ts'
import { Failure } from '../../../platform/failure.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import type { CaptureReader, ReadCapture } from '../../api/usage/captures.ts'
import type { DashboardPage } from '../page.ts'
import { when } from '../parts/format.ts'
import { card, snippet, tag } from '../parts/pieces.ts'
import { prettyJson } from '../parts/pretty-json.ts'

export interface SaidSources {
  readonly ask: Ask
  readonly read: CaptureReader
}

/** What was asked and answered, where a grant has it kept. */
export const transcriptPage = ({ ask, read }: SaidSources): DashboardPage => ({
  path: '/ui/requests/:id/said',
  title: 'What was said',
  about: 'What was asked and answered, as far as it was kept.',
  icon: 'requests',
  needs: 'role',
  unlisted: true,
  render: async ({ c, caller, isAdmin, now }) => {
    const id = (c.req.param('id') ?? '').slice(0, 64)
    const row = await ask('request', { id, ...(isAdmin ? {} : { login: caller.login }) })
    const capture = row && (await read(c, row, caller))
    if (!capture) throw new Failure('not_found', 'Nothing was kept of such a request.')
    const of = row.login === caller.login ? '' : html` by ${row.login}, which is in the audit now`
    return html`<p class="above"><a href="/ui/requests/${row.id}">The request</a>, ${when(capture.at, now)}${of}. <a href="/postern/api/requests/${row.id}/capture">As JSON</a>.</p>${parts(capture)}`
  },
})

const parts = ({ request, response, tools }: ReadCapture): Html =>
  html`${shown('Asked', request)}${shown('Answered', response)}${shown('Tools called', tools)}`

const shown = (title: string, part: Part | null): Html | string =>
  part === null
    ? ''
    : card(
        title,
        html`<div class="body">${snippet(prettyJson(part.body), undefined, { wrap: true })}</div>`,
        part.truncated ? tag('cut', 'warn', 'It is not all there: only so much is kept.') : '',
      )
