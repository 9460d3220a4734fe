import { html } from 'hono/html'
import type { Html } from '../../http/page.ts'
import { options } from './pieces.ts'

const day = 86_400
const lifetimes = [
  [String(7 * day), '7 days'],
  [String(30 * day), '30 days'],
  [String(90 * day), '90 days'],
  [String(365 * day), 'a year'],
  ['null', 'never'],
] as const

/** Makes a key, and shows it once. @param forOthers also in the name of somebody else */
export const keyForm = ({ forOthers, done }: { forOthers: boolean; done: string }): Html =>
  html`<form class="body" data-act="POST /postern/api/keys" data-then="new-key" autocomplete="off"><div class="fields">
<div><label for="name">What is it for?</label><input id="name" name="name" maxlength="128" required placeholder="Laptop, Home Assistant, …"></div>
${
  forOthers
    ? html`<div><label for="login">Whose</label><input id="login" name="login" maxlength="254" placeholder="alice@example.com"><p class="hint">Empty: your own.</p></div>`
    : ''
}<div><label for="expires">Ends after</label><select id="expires" name="expires_in" data-type="number">${options(lifetimes, String(90 * day))}</select></div>
<div><label for="models">Only these models</label><input id="models" name="models" data-type="list" spellcheck="false" placeholder="ollama/**, openai/gpt-*"><p class="hint">Patterns <code>provider/model</code>. Empty: every model of its login.</p></div>
<fieldset><legend>Only by these doors</legend><div class="choices">${[
    'local',
    'tailnet',
    'public',
  ].map(
    (door) =>
      html`<label><input type="checkbox" name="via" value="${door}" data-type="all">${door}</label>`,
  )}</div><p class="hint">None: by every door.</p></fieldset>
</div><div class="actions"><button class="primary">Create key</button></div><div class="outcome" aria-live="polite"></div></form>
<template id="new-key"><div class="note good"><strong>This is the key. It is shown this once.</strong><div class="secret"><code data-field="key"></code><button type="button" data-copy>Copy</button><a class="button" href="${done}">Done</a></div></div></template>`
