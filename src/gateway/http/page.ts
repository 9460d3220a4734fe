import type { Context } from 'hono'
import { html, raw } from 'hono/html'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { Failure } from '../../platform/failure.ts'
import type { Env } from './env.ts'

export type Html = ReturnType<typeof html>

export interface Page {
  readonly title: string
  readonly content: Html
  /** Seconds until it is loaded again. */
  readonly refresh?: number
  /** A narrow card, for a form or a few sentences. */
  readonly card?: boolean
}

/** Is this a browser on its way to a page? Programs and scripts on pages want JSON. */
export const wantsPage = (c: Context<Env>): boolean =>
  c.env.upgrade === undefined && (c.req.header('accept')?.includes('text/html') ?? false)

/** Answers a page of our own: no script, no frame, nothing from elsewhere, never kept. */
export const showPage = async (
  c: Context<Env>,
  page: Page,
  status: ContentfulStatusCode = 200,
): Promise<Response> => c.html(document(page), status, pageHeaders)

/** SHA-256 of `style`, which the policy lets in by it; test/http/page.test.ts tells what it has to be. */
const styleDigest = '5pxQ37/Xtq6K2PZosi9WquILdNyvEKDxujX00woM9BA='

export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleDigest}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // Not `no-referrer`: browsers would then send forms with `Origin: null` (Fetch standard §3.2).
  'referrer-policy': 'same-origin',
}

export const document = ({ title, content, refresh, card }: Page): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh ? html`<meta http-equiv="refresh" content="${String(refresh)}">` : ''}
<title>${title}</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">
<style>${raw(style)}</style>
</head>
<body${card ? raw(' class="card"') : ''}>${content}</body>
</html>`

const door =
  '<path d="M5 22V10a7 7 0 0 1 14 0v12z" fill="#0f766e"/><path d="M12 5.6A4.4 4.4 0 0 0 7.6 10v12H12z" fill="#fff" opacity=".28"/><circle cx="15.6" cy="14.4" r="1.2" fill="#fff"/>'
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${door}</svg>`

/** The product's mark, beside words that say the same. */
export const mark = (): Html =>
  html`<svg viewBox="0 0 24 24" width="44" height="44" aria-hidden="true">${raw(door)}</svg>`

/**
 * What Open WebUI shows a page for is shown one by us too, where the request is for a page; anybody else gets JSON.
 * @param here paths at which people are met
 */
export const pagesForPeople = (
  pageFor: (c: Context<Env>, failure: Failure) => Page,
  here: (path: string) => boolean,
) =>
  async function pagesForPeople(c: Context<Env>, next: () => Promise<void>): Promise<void> {
    await next()
    const { error } = c
    if (!(error instanceof Failure) || !wantsPage(c) || isHtml(c.res) || !here(c.req.path)) return
    const page = await showPage(c, pageFor(c, error), error.status)
    for (const [name, value] of Object.entries(error.headers)) page.headers.set(name, value)
    // Or the headers of the JSON would be put over these.
    c.res = undefined
    c.res = page
  }

const isHtml = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/html') ?? false

export const style = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f4; --sheet: #fff; --ink: #16201f; --quiet: #586664; --line: #c9d1cf;
  --accent: #0f766e; --on-accent: #fff; --wrong: #b42318; --wrong-ground: #fef1f0
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101615; --sheet: #182120; --ink: #e8eeec; --quiet: #9baba8; --line: #3a4745;
    --accent: #2dd4bf; --on-accent: #06201d; --wrong: #ff9f95; --wrong-ground: #3a1a18
  }
}
* { box-sizing: border-box }
body { font: 16px/1.6 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 40rem; margin: 12vh auto; padding: 0 1.5rem; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem }
p { margin: .5rem 0 }
a { color: var(--accent) }
code, pre { font: 14px/1.5 ui-monospace, monospace; background: #8882; border-radius: 6px; padding: .15em .4em }
pre { padding: .8em 1em; overflow-x: auto; overflow-wrap: normal }
li { margin: .2em 0 }
.quiet { color: var(--quiet) }
body.card { min-height: 100vh; min-height: 100dvh; max-width: none; margin: 0; padding: 1.25rem; display: grid; place-items: center }
main { width: 100%; max-width: 24rem; background: var(--sheet); border: 1px solid var(--line); border-radius: 16px; padding: 2rem }
main svg { display: block; margin: 0 0 1rem -6px }
main svg path:first-child { fill: var(--accent) }
form { margin: 1.25rem 0 0 }
label { display: block; font-size: .875rem; font-weight: 600; margin: 1rem 0 .3rem }
input, button { font: inherit; width: 100%; min-height: 46px; border-radius: 10px }
input { color: inherit; background: transparent; border: 1px solid var(--line); padding: .5rem .8rem }
button { margin-top: 1.5rem; border: 0; background: var(--accent); color: var(--on-accent); font-weight: 600; cursor: pointer }
form > button:first-child { margin-top: 0 }
button:hover { filter: brightness(1.08) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.wrong { color: var(--wrong); background: var(--wrong-ground); border-radius: 10px; padding: .6rem .8rem; margin: 1rem 0 0 }
@media (max-width: 30rem) { body.card { padding: 1rem } main { padding: 1.5rem 1.25rem } }
`
