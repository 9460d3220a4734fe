import { html } from 'hono/html'

type Html = ReturnType<typeof html>

const page = (title: string, content: Html, refresh?: number): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh ? html`<meta http-equiv="refresh" content="${String(refresh)}">` : ''}
<title>${title}</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 12vh auto; padding: 0 1.5rem }
h1 { font-size: 1.5rem; margin-bottom: .25rem }
code, pre { font: 14px/1.5 ui-monospace, monospace; background: #8882; border-radius: 6px; padding: .15em .4em }
pre { padding: .8em 1em; overflow-x: auto }
li { margin: .2em 0 }
p.quiet { opacity: .7 }
</style>
</head>
<body>${content}</body>
</html>`

/** Shown to people while Open WebUI does not answer; looks again by itself. */
export const webuiDownPage = (): Html =>
  page(
    'Open WebUI is not there yet',
    html`<h1>Open WebUI is not answering</h1>
<p>The gateway is up, but the chat interface behind it is not, or it is still starting.
This page looks again every five seconds.</p>
<p class="quiet">Programs are not affected: the API under <code>/v1</code> works without it.</p>`,
    5,
  )

/** `/` where no Open WebUI is configured: says what this is and how to use it, and nothing that needs a login. */
export const statusPage = (address: string): Html =>
  page(
    'Postern',
    html`<h1>Postern is running</h1>
<p>One address for your own models. This page needs no login and tells no secrets.</p>
<pre>curl -u USER:PASSWORD ${address}/v1/models</pre>
<ul>
<li>OpenAI clients: base URL <code>${address}/v1</code>, API key <code>USER:PASSWORD</code></li>
<li>Anthropic clients: base URL <code>${address}</code>, API key <code>USER:PASSWORD</code></li>
<li>A chat in the browser: set <code>webui.url</code> in <code>postern.hujson</code> to your Open WebUI</li>
</ul>`,
  )
