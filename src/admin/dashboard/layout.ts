import { html } from 'hono/html'
import { type Html, mark } from '../../gateway/http/page.ts'
import { loginPaths } from './links.ts'
import type { DashboardPage, View } from './page.ts'
import { icon } from './parts/icon.ts'

export interface Frame {
  readonly page: DashboardPage
  /** Those that this person may open. */
  readonly pages: readonly DashboardPage[]
  /** Where the files of the pages are. */
  readonly assets: string
  readonly name: string
  readonly logo: string | undefined
  readonly view: View
  readonly content: Html
}

/** What stands around every page. */
export const document = (frame: Frame): Html => {
  const { page, name, assets } = frame
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} &middot; ${name}</title>
<link rel="icon" href="${assets}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${assets}/style.css">
${['app.js', ...(page.scripts ?? [])].map((file) => html`<script type="module" src="${assets}/${file}"></script>\n`)}</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${bar(frame)}${menu(frame)}<main id="main" tabindex="-1">
<header class="head"><h1>${page.title}</h1><p>${page.about}</p></header>
${frame.content}</main>
${palette(frame)}
</body>
</html>`
}

const brand = ({ name, logo }: Frame): Html =>
  html`<a class="brand" href="/ui">${logo === undefined ? mark() : html`<img src="${logo}" alt="" width="28" height="28">`}<span>${name}</span></a>`

/** Where there is no room for a menu beside the page. */
const bar = (frame: Frame): Html => html`<header class="bar">
<button class="plain" type="button" popovertarget="menu" aria-label="Menu">${icon('menu')}</button>
${brand(frame)}
<button class="plain" type="button" data-palette aria-label="Search">${icon('search')}</button>
</header>
`

const menu = (frame: Frame): Html => html`<aside id="menu" class="menu" aria-label="Menu" popover>
${brand(frame)}
<button class="search" type="button" data-palette>${icon('search')}<span>Go to&hellip;</span><kbd>&#8984;K</kbd></button>
<nav aria-label="Pages">${group(frame, 'role', 'Yours')}${group(frame, 'admin', 'Admin')}</nav>
${whoami(frame)}
</aside>
`

const group = (frame: Frame, needs: DashboardPage['needs'], title: string): Html | string => {
  const { isAdmin } = frame.view
  const pages = frame.pages.filter(
    (page) => (isAdmin && page.forAdmins ? 'admin' : page.needs) === needs,
  )
  if (pages.length === 0) return ''
  return html`<h2>${title}</h2><ul>${pages.map((page) => html`<li>${link(page, frame.page)}</li>`)}</ul>`
}

const link = (page: DashboardPage, current: DashboardPage): Html =>
  html`<a href="${page.path}"${page === current || current.path.startsWith(`${page.path}/:`) ? html` aria-current="page"` : ''}>${icon(page.icon)}${page.title}</a>`

const whoami = ({ view }: Frame): Html => {
  const { caller, isAdmin, c } = view
  const shown = caller.displayName || caller.login
  const how = { local: 'this machine', tailnet: 'the tailnet', public: 'the public door' }
  return html`<div class="who"><div><strong title="${caller.login}">${shown}</strong>
<span>${isAdmin ? 'Admin' : 'User'}, by ${how[c.var.client.door]}</span></div>
${caller.kind === 'password' ? html`<a href="${loginPaths.logout}" aria-label="Sign out" title="Sign out">${icon('out')}</a>` : ''}</div>`
}

const palette = ({
  pages,
}: Frame): Html => html`<dialog id="palette" class="palette" aria-label="Go to a page">
<form method="dialog"><input type="search" aria-label="Go to" placeholder="Go to&hellip;" autocomplete="off" spellcheck="false"></form>
<ul>${pages.map((page) => html`<li><a href="${page.path}" data-words="${page.about}">${icon(page.icon)}${page.title}</a></li>`)}</ul>
<p class="quiet" hidden>Nothing by that name.</p>
</dialog>
<dialog id="confirm" class="ask" aria-labelledby="confirm-what"><form method="dialog"><p id="confirm-what"></p>
<div class="actions"><button value="no">Cancel</button><button value="yes" class="danger">Yes</button></div></form></dialog>
<div id="said" role="status" class="said"></div>`
