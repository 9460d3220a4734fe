import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import { icon } from './icon.ts'

/** A titled sheet. */
export const card = (title: string, content: Html, about?: Html | string): Html =>
  html`<section class="card"><header><h2>${title}</h2>${about ? html`<p>${about}</p>` : ''}</header>${content}</section>\n`

/** Numbers at a glance: what, how much, and what to make of it. */
export const tiles = (all: readonly (readonly [string, Html | string, (Html | string)?])[]): Html =>
  html`<div class="tiles">${all.map(
    ([name, value, note]) =>
      html`<dl class="tile"><dt>${name}</dt><dd>${value}</dd>${note ? html`<dd>${note}</dd>` : ''}</dl>`,
  )}</div>`

/** Text to take along. */
export const snippet = (code: string, title?: string, { wrap = false } = {}): Html =>
  html`<figure class="snippet${wrap ? ' wrap' : ''}">${title ? html`<figcaption>${title}</figcaption>` : ''}<pre tabindex="0">${code}</pre><button type="button" class="small" data-copy aria-label="Copy">${icon('copy')}</button></figure>`

export type Mood = 'good' | 'bad' | 'warn' | 'accent'

export const tag = (text: string, mood?: Mood, title?: string): Html =>
  html`<span class="tag${mood ? ` ${mood}` : ''}"${title ? html` title="${title}"` : ''}>${text}</span>`

/** Cut where there is no room, whole on hover. */
export const long = (text: string): Html => html`<span class="long" title="${text}">${text}</span>`

/** A button that does one thing to our API, after a question. */
export const act = (
  to: string,
  label: string,
  { confirm, yes = label }: { readonly confirm: string; readonly yes?: string },
): Html =>
  html`<form data-act="${to}" data-confirm="${confirm}" data-yes="${yes}"><button class="small danger">${label}</button></form>`

/** Other views of the same page. */
export const tabs = (
  label: string,
  all: readonly { readonly href: string; readonly name: string; readonly current: boolean }[],
): Html =>
  html`<nav class="tabs" aria-label="${label}">${all.map(
    ({ href, name, current }) =>
      html`<a href="${href}"${current ? html` aria-current="true"` : ''}>${name}</a>`,
  )}</nav>`

/** Options of a choice. */
export const options = (
  all: readonly (readonly [value: string, name: string])[],
  chosen: string | undefined,
): Html =>
  html`${all.map(([value, name]) => html`<option value="${value}"${value === chosen ? html` selected` : ''}>${name}</option>`)}`
