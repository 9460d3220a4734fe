import { html } from 'hono/html'
import type { Page } from '../http/page.ts'

/** Shown to people while Open WebUI does not answer; looks again by itself. */
export const webuiDownPage: Page = {
  title: 'Open WebUI is not there yet',
  refresh: 5,
  content: html`<h1>Open WebUI is not answering</h1>
<p>The gateway is up, but the chat interface behind it is not, or it is still starting.
This page looks again every five seconds.</p>
<p class="quiet">Programs are not affected: the API under <code>/v1</code> works without it.</p>`,
}

/** `/` where no Open WebUI is configured: says what this is and how to use it, and nothing that needs a login. */
export const statusPage = (address: string): Page => ({
  title: 'Postern',
  content: html`<h1>Postern is running</h1>
<p>One address for your own models. This page needs no login and tells no secrets.</p>
<pre>curl -u USER:PASSWORD ${address}/v1/models</pre>
<ul>
<li>OpenAI clients: base URL <code>${address}/v1</code>, API key <code>USER:PASSWORD</code></li>
<li>Anthropic clients: base URL <code>${address}</code>, API key <code>USER:PASSWORD</code></li>
<li>A chat in the browser: set <code>webui.url</code> in <code>postern.hujson</code> to your Open WebUI</li>
</ul>`,
})
