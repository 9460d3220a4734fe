import { html } from 'hono/html'
import type { Page } from '../../http/page.ts'

/** Shown to people while Open WebUI does not answer; looks again by itself. */
export const webuiDownPage: Page = {
  title: 'Open WebUI is not there yet',
  refresh: 5,
  content: html`<h1>Open WebUI is not answering</h1>
<p>The gateway is up, but the chat interface behind it is not, or it is still starting.
This page looks again every five seconds.</p>
<p class="quiet">Programs are not affected: the API under <code>/v1</code> works without it.</p>`,
}
