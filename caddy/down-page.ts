import type { MatcherSet, StaticResponseHandler } from 'caddy-json-config-types'
import { html } from 'hono/html'
import { programPaths } from '../src/gateway/http/guards/program-paths.ts'
import { document, mark, pageHeaders } from '../src/gateway/http/page.ts'

/** Browsers on their way to a page. */
export const people: MatcherSet = {
  header: { Accept: ['*text/html*'] },
  not: [{ path: programPaths.flatMap((root) => [root, `${root}/*`]) }],
}

/** Shown to people while the gateway does not answer: looks again by itself, so that a restart is seen through. */
export const downPage = (): Pick<StaticResponseHandler, 'headers' | 'body'> => {
  const text = document({
    title: 'The gateway is not there yet',
    refresh: 5,
    card: true,
    content: html`<main>
${mark()}<h1>The gateway is not answering</h1>
<p>It is being restarted, or it has stopped. This page looks again every five seconds.</p>
<p class="quiet">If it stays like this, tell the person who runs it.</p>
</main>`,
  })
  if (text instanceof Promise) throw new TypeError('the page waits for something')
  return {
    headers: {
      'Content-Type': ['text/html; charset=utf-8'],
      ...Object.fromEntries(
        Object.entries(pageHeaders).map(([name, value]) => [inCaddy(name), [value]]),
      ),
    },
    body: String(text),
  }
}

/** Caddy spells the names of headers so, and takes two spellings for two headers. */
export const inCaddy = (name: string): string =>
  name.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase())
