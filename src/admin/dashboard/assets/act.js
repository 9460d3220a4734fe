// @ts-check
// Forms that change something: what is in them goes to our own API as JSON, and what it says is shown beside them.
//   data-act="POST /postern/api/keys"   where to
//   data-confirm="…" data-yes="…"       asked first
//   data-then="reload" or a template id  what to do with the answer
import { confirmed, localTimes, say } from './app.js'

/** @param {FormData} form @param {HTMLFormElement} from */
const bodyOf = (form, from) => {
  /** @type {Record<string, unknown>} */
  const body = {}
  for (const name of new Set(form.keys())) {
    const field = from.elements.namedItem(name)
    const first = field instanceof RadioNodeList ? field[0] : field
    const type = first instanceof HTMLElement ? first.dataset.type : undefined
    const values = form.getAll(name).map(String)
    const value = read(values, type)
    if (value !== undefined) body[name] = value
  }
  return body
}

/** @param {string[]} values @param {string | undefined} type */
const read = (values, type) => {
  const text = (values[0] ?? '').trim()
  if (type === 'all') return values.length === 0 ? undefined : values
  if (type === 'list') {
    const items = text.split(/[\s,]+/).filter(Boolean)
    return items.length === 0 ? undefined : items
  }
  if (type === 'number') return text === '' ? undefined : text === 'null' ? null : Number(text)
  return text === '' ? undefined : text
}

/** @param {string} kind @param {string} words @param {{ location: string, message: string }[]} [details] */
const note = (kind, words, details = []) => {
  const box = document.createElement('div')
  box.className = `note ${kind}`
  box.append(words)
  if (details.length > 0) {
    const list = document.createElement('ul')
    for (const { location, message } of details) {
      const item = document.createElement('li')
      item.textContent = `${location.replace(/^body\./, '')}: ${message}`
      list.append(item)
    }
    box.append(list)
  }
  return box
}

/** @param {HTMLFormElement} form */
const outcomeOf = (form) => form.querySelector('.outcome') ?? document.getElementById('said')

/** @param {HTMLFormElement} form @param {Record<string, unknown>} answer */
const done = (form, answer) => {
  const { then } = form.dataset
  if (then === undefined || then === 'reload') {
    location.reload()
    return
  }
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(then))
  const shown = /** @type {DocumentFragment} */ (template.content.cloneNode(true))
  for (const place of shown.querySelectorAll('[data-field]')) {
    const { field = '' } = /** @type {HTMLElement} */ (place).dataset
    place.textContent = String(answer[field] ?? '')
  }
  outcomeOf(form)?.replaceChildren(shown)
  localTimes(form)
  form.reset()
}

/** @param {HTMLFormElement} form */
const act = async (form) => {
  const [method = 'POST', path = ''] = (form.dataset.act ?? '').split(' ')
  const { confirm, yes } = form.dataset
  if (confirm !== undefined && !(await confirmed(confirm, yes))) return
  const buttons = [...form.querySelectorAll('button')]
  for (const button of buttons) button.disabled = true
  try {
    const body = method === 'DELETE' ? undefined : JSON.stringify(bodyOf(new FormData(form), form))
    const response = await fetch(path, {
      method,
      headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body }),
    })
    const answer = await response.json().catch(() => ({}))
    if (response.ok) return done(form, answer)
    outcomeOf(form)?.replaceChildren(
      note('bad', answer.detail ?? `That did not work (${response.status}).`, answer.errors),
    )
  } catch {
    say('The gateway did not answer. Nothing may have changed; look again.')
  } finally {
    for (const button of buttons) button.disabled = false
  }
}

document.addEventListener('submit', (event) => {
  const form = event.target
  if (!(form instanceof HTMLFormElement) || form.dataset.act === undefined) return
  event.preventDefault()
  void act(form)
})
