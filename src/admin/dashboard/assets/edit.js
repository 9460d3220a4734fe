// @ts-check
// The configuration: checked while it is typed, shown as a difference before it is saved.
import { localTimes, say } from './app.js'

const form = /** @type {HTMLFormElement | null} */ (document.querySelector('form[data-editor]'))
const area = /** @type {HTMLTextAreaElement} */ (form?.querySelector('textarea'))
const numbers = /** @type {HTMLElement} */ (form?.querySelector('ol'))
const verdict = /** @type {HTMLElement} */ (document.getElementById('verdict'))
const [save, undo] = /** @type {HTMLButtonElement[]} */ ([
  ...(form?.querySelectorAll('button') ?? []),
])
const state = /** @type {HTMLElement} */ (form?.querySelector('[data-state]'))
const review = /** @type {HTMLDialogElement} */ (document.getElementById('review'))

let before = area?.value ?? ''

const count = () => {
  const wanted = area.value.split('\n').length
  while (numbers.children.length > wanted) numbers.lastElementChild?.remove()
  while (numbers.children.length < wanted) {
    const line = document.createElement('li')
    line.textContent = String(numbers.children.length + 1)
    numbers.append(line)
  }
}

/** @param {string} method @param {string} path @param {Record<string, string>} [headers] */
const send = (method, path, headers = {}) =>
  fetch(path, {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ config: area.value }),
  })

/** @param {{ line: number | null, message: string }[]} problems */
const show = (problems) => {
  for (const line of numbers.children) {
    line.className = ''
    line.removeAttribute('title')
  }
  verdict.replaceChildren()
  if (problems.length === 0) return
  const box = document.createElement('div')
  const list = document.createElement('ul')
  box.className = 'note bad'
  box.append(
    problems.length === 1 ? 'One thing is not right:' : `${problems.length} things are not right:`,
  )
  for (const { line, message } of problems) {
    const item = document.createElement('li')
    const mark = line === null ? undefined : numbers.children[line - 1]
    if (line !== null && mark instanceof HTMLElement) {
      mark.className = 'bad'
      mark.title = message
      const link = document.createElement('a')
      link.href = '#'
      link.textContent = `Line ${line}`
      link.addEventListener('click', (event) => {
        event.preventDefault()
        select(line)
      })
      item.append(link, `: ${message}`)
    } else item.textContent = message
    list.append(item)
  }
  box.append(list)
  verdict.append(box)
}

/** @param {number} line */
const select = (line) => {
  const lines = area.value.split('\n')
  const start = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0)
  area.focus()
  area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0))
  numbers.children[line - 1]?.scrollIntoView({ block: 'center' })
}

/** The check that counts is that of the last text. */
let asked = 0

const check = async () => {
  asked += 1
  const mine = asked
  try {
    const response = await send('POST', '/postern/api/config:validate')
    const { valid, problems } = await response.json()
    if (mine !== asked) return
    show(problems ?? [])
    save.disabled = !valid || area.value === before
    state.textContent =
      area.value === before ? 'As in force' : valid ? 'Sound, not saved' : 'Not saved'
  } catch {
    state.textContent = 'The gateway does not answer'
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let soon
const changed = () => {
  count()
  save.disabled = true
  undo.disabled = area.value === before
  state.textContent = 'Checking…'
  clearTimeout(soon)
  soon = setTimeout(() => void check(), 300)
}

/**
 * Lines that went and came, between those that stayed: the longest common run of lines (Myers would be faster, and
 * configurations are short).
 * @param {string[]} old @param {string[]} now @returns {{ kind: ' ' | '-' | '+', text: string }[]}
 */
const diff = (old, now) => {
  const width = now.length + 1
  const length = new Uint16Array((old.length + 1) * width)
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      length[i * width + j] =
        old[i] === now[j]
          ? (length[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(length[(i + 1) * width + j] ?? 0, length[i * width + j + 1] ?? 0)
    }
  }
  /** @type {{ kind: ' ' | '-' | '+', text: string }[]} */
  const lines = []
  let [i, j] = [0, 0]
  while (i < old.length || j < now.length) {
    const goes = length[(i + 1) * width + j] ?? 0
    const comes = length[i * width + j + 1] ?? 0
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push({ kind: ' ', text: old[i] ?? '' })
      i += 1
      j += 1
    } else if (j >= now.length || (i < old.length && goes >= comes)) {
      lines.push({ kind: '-', text: old[i] ?? '' })
      i += 1
    } else {
      lines.push({ kind: '+', text: now[j] ?? '' })
      j += 1
    }
  }
  return lines
}

const around = 3

/** @param {string} text @param {boolean} older @returns {Promise<string>} `yes`: save it, `edit`: put it into the editor */
const reviewed = (text, older) => {
  const lines = diff(before.split('\n'), text.split('\n'))
  const near = (/** @type {number} */ index) =>
    lines.slice(Math.max(0, index - around), index + around + 1).some(({ kind }) => kind !== ' ')
  const shown = lines.flatMap((line, index) => (near(index) ? [line] : []))
  const names = { ' ': 'same', '-': 'del', '+': 'add' }
  const place = /** @type {HTMLElement} */ (review.querySelector('pre'))
  place.replaceChildren(
    ...shown.map(({ kind, text }) => {
      const row = document.createElement('span')
      row.className = names[kind]
      row.textContent = `${kind} ${text}`
      return row
    }),
  )
  if (shown.length === 0) place.textContent = 'Nothing: it is what is in force.'
  for (const button of review.querySelectorAll('button')) {
    button.hidden =
      (button.value === 'edit' && !older) || (button.value !== 'no' && shown.length === 0)
  }
  review.returnValue = 'no'
  review.showModal()
  return new Promise((resolve) => {
    review.addEventListener('close', () => resolve(review.returnValue), { once: true })
  })
}

const put = async () => {
  const version = form?.dataset.version ?? ''
  const response = await send('PUT', '/postern/api/config', { 'if-match': `"${version}"` })
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) {
    const details = /** @type {{ message: string }[]} */ (answer.errors ?? [])
    const messages = details.map(({ message }) => message)
    if (messages.length === 0)
      messages.push(answer.detail ?? `That did not work (${response.status}).`)
    show(messages.map((message) => ({ line: null, message })))
    state.textContent = 'Not saved'
    return
  }
  if (form) form.dataset.version = (response.headers.get('etag') ?? '').replaceAll('"', '')
  area.value = answer.config
  before = area.value
  show([])
  count()
  save.disabled = true
  undo.disabled = true
  state.textContent = 'Saved, and in force'
  say('Saved, and in force')
  await listVersions()
}

const listVersions = async () => {
  const response = await fetch(location.href, { headers: { accept: 'text/html' } })
  const next = new DOMParser().parseFromString(await response.text(), 'text/html')
  const fresh = next.getElementById('versions')
  if (!fresh) return
  localTimes(fresh)
  document.getElementById('versions')?.replaceChildren(...fresh.childNodes)
}

/** Goes back to an older one, by the way that any other goes in force. @param {string} id */
const compare = async (id) => {
  const response = await fetch(`/postern/api/config/versions/${encodeURIComponent(id)}`)
  if (!response.ok) return say('This version is not kept any more.')
  const { config } = await response.json()
  const choice = await reviewed(config, true)
  if (choice === 'no') return
  area.value = config
  changed()
  if (choice === 'edit') return area.focus()
  clearTimeout(soon)
  await put()
}

if (form) {
  count()
  void check()
  area.addEventListener('input', changed)
  form.addEventListener('reset', (event) => {
    event.preventDefault()
    area.value = before
    changed()
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void reviewed(area.value, false).then((choice) => (choice === 'yes' ? put() : undefined))
  })
  document.addEventListener('click', ({ target }) => {
    const id = target instanceof HTMLElement ? target.dataset.compare : undefined
    if (id !== undefined) void compare(id)
  })
  // A tab is two spaces in here; Escape, then Tab leads on.
  let leaving = false
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') leaving = true
    else if (event.key === 'Tab' && !event.shiftKey && !leaving) {
      event.preventDefault()
      area.setRangeText('  ', area.selectionStart, area.selectionEnd, 'end')
      changed()
    } else if (event.key !== 'Tab') leaving = false
    if (event.key.toLowerCase() === 's' && (event.metaKey || event.ctrlKey)) {
      event.preventDefault()
      if (!save.disabled) form.requestSubmit()
    }
  })
  window.addEventListener('beforeunload', (event) => {
    if (area.value !== before) event.preventDefault()
  })
}
