// @ts-check
// Asks a model for real, over the same way that every client takes, and says how it went.

/**
 * @typedef {object} Seen
 * @property {number} firstMs until the first piece of the answer
 * @property {number} perSecond tokens, after the first; NaN when there was no more than that
 * @property {string} text
 */

const bodies = {
  '/ui/v1/chat/completions': (/** @type {string} */ text, /** @type {number} */ most) => ({
    messages: [{ role: 'user', content: text }],
    max_tokens: most,
    stream: true,
    stream_options: { include_usage: true },
  }),
  '/ui/v1/messages': (/** @type {string} */ text, /** @type {number} */ most) => ({
    messages: [{ role: 'user', content: text }],
    max_tokens: most,
    stream: true,
  }),
  '/ui/v1/embeddings': (/** @type {string} */ text) => ({ input: text }),
}

/**
 * @param {{ model: string, path: string }} to
 * @param {{ text: string, most: number, signal: AbortSignal, onText?: (text: string) => void }} how
 * @returns {Promise<Seen>}
 */
const ask = async ({ model, path }, { text, most, signal, onText }) => {
  const make = bodies[/** @type {keyof typeof bodies} */ (path)]
  const started = performance.now()
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ model, ...make(text, most) }),
    signal,
  })
  if (!response.ok) throw new Error(await causeOf(response))
  if (path.endsWith('/embeddings')) {
    const { data } = await response.json()
    if (!Array.isArray(data) || data.length === 0) throw new Error('an answer without data')
    const firstMs = performance.now() - started
    return { firstMs, perSecond: Number.NaN, text: `${data[0].embedding?.length ?? 0} numbers` }
  }
  return read(response, started, onText)
}

/** @param {Response} response */
const causeOf = async (response) => {
  const answer = await response.json().catch(() => undefined)
  const message = answer?.error?.message ?? answer?.detail
  return message === undefined ? `status ${response.status}` : `${response.status}: ${message}`
}

/**
 * @param {Response} response @param {number} started @param {(text: string) => void} [onText]
 * @returns {Promise<Seen>}
 */
const read = async (response, started, onText) => {
  let [text, pieces, tokens, firstAt, lastAt] = ['', 0, 0, 0, 0]
  let ended = false
  for await (const event of events(response)) {
    const error = event.error?.message ?? event.error
    if (error) throw new Error(String(error))
    tokens = event.usage?.completion_tokens ?? event.usage?.output_tokens ?? tokens
    ended ||= event.type === 'message_stop' || event === finished
    const delta = event.choices?.[0]?.delta ?? event.delta ?? {}
    // What a model thinks is slow as well, and not part of its answer.
    const piece = delta.content ?? delta.text ?? ''
    const thought = delta.reasoning_content ?? delta.reasoning ?? delta.thinking ?? ''
    if (piece === '' && thought === '') continue
    pieces += 1
    lastAt = performance.now()
    firstAt ||= lastAt
    if (piece === '') continue
    text += piece
    onText?.(text)
  }
  if (!ended) throw new Error('the answer broke off')
  if (pieces === 0 && tokens === 0) throw new Error('an empty answer')
  const seconds = (lastAt - firstAt) / 1000
  const count = (tokens || pieces) - 1
  const firstMs = (firstAt || performance.now()) - started
  return { firstMs, perSecond: count > 0 && seconds > 0.02 ? count / seconds : Number.NaN, text }
}

/** @type {any} */
const finished = {}

/** @param {Response} response @returns {AsyncGenerator<any>} */
async function* events(response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  while (reader) {
    const { value, done } = await reader.read()
    if (done) return
    const lines = (rest + value).split(/\r?\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('data:')) continue
      const data = line.slice(5).trim()
      yield data === '[DONE]' ? finished : JSON.parse(data)
    }
  }
}

/** @param {number} ms */
const span = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

/** @param {Seen} seen */
const summary = ({ firstMs, perSecond }) => {
  const rate = Number.isNaN(perSecond)
    ? ''
    : `, ${perSecond.toFixed(perSecond < 10 ? 1 : 0)} tokens/s`
  return `first token after ${span(firstMs)}${rate}`
}

const shapes = { good: 'M5 12.5l4.5 4.5L19 7.5', bad: 'M6 6l12 12M18 6L6 18' }

/** @param {HTMLElement} place @param {'good' | 'bad'} kind @param {string} words */
const judge = (place, kind, words) => {
  const space = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(space, 'svg')
  const path = document.createElementNS(space, 'path')
  for (const [name, value] of Object.entries({ viewBox: '0 0 24 24', width: '18', height: '18' })) {
    svg.setAttribute(name, value)
  }
  svg.classList.add('icon')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', kind === 'good' ? 'It answers' : 'It does not answer')
  path.setAttribute('d', shapes[kind])
  svg.append(path)
  place.className = `result ${kind}`
  const text = document.createElement('span')
  text.textContent = words
  place.replaceChildren(svg, text)
}

/** @param {HTMLElement} place */
const wait = (place) => {
  const spin = document.createElement('span')
  spin.className = 'spin'
  place.className = 'result'
  place.replaceChildren(spin)
}

const patience = 180_000

/** @param {HTMLButtonElement} button */
const play = async (button) => {
  const place = /** @type {HTMLElement} */ (button.parentElement?.querySelector('.result'))
  const { model = '', path = '' } = button.dataset
  button.disabled = true
  wait(place)
  try {
    const how = {
      text: 'Answer with the word OK.',
      most: 32,
      signal: AbortSignal.timeout(patience),
    }
    judge(place, 'good', summary(await ask({ model, path }, how)))
  } catch (error) {
    judge(place, 'bad', error instanceof Error ? error.message : String(error))
  } finally {
    button.disabled = false
  }
}

document.addEventListener('click', (event) => {
  const target = event.target instanceof Element ? event.target.closest('[data-try]') : null
  if (target instanceof HTMLButtonElement) void play(target)
})

const form = document.querySelector('form[data-playground]')
/** @type {AbortController | undefined} */
let running

/** @param {HTMLFormElement} form */
const converse = async (form) => {
  const { model, text } = Object.fromEntries(new FormData(form))
  const chosen = form.querySelector('select')?.selectedOptions[0]
  const answer = /** @type {HTMLElement} */ (form.querySelector('.answer'))
  const place = /** @type {HTMLElement} */ (form.querySelector('.result'))
  const [send, stop] = form.querySelectorAll('button')
  if (!send || !stop) return
  running = new AbortController()
  send.disabled = true
  stop.disabled = false
  answer.textContent = ''
  wait(place)
  try {
    const seen = await ask(
      { model: String(model), path: chosen?.dataset.path ?? '' },
      {
        text: String(text),
        most: 1024,
        signal: running.signal,
        onText: (words) => {
          answer.textContent = words
        },
      },
    )
    if (answer.textContent === '') answer.textContent = seen.text
    judge(place, 'good', summary(seen))
  } catch (error) {
    const left = error instanceof DOMException && error.name === 'AbortError'
    if (left) place.textContent = 'Stopped.'
    else judge(place, 'bad', error instanceof Error ? error.message : String(error))
  } finally {
    send.disabled = false
    stop.disabled = true
  }
}

if (form instanceof HTMLFormElement) {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void converse(form)
  })
  form.querySelector('[data-stop]')?.addEventListener('click', () => running?.abort())
  form.querySelector('textarea')?.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      form.requestSubmit()
    }
  })
}
