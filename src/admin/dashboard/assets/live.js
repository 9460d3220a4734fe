// @ts-check
// What is marked data-live is read again when something happened, and put in place of what it was.
import { localTimes } from './app.js'

let busy = false

const refresh = async () => {
  if (busy || document.hidden || document.querySelector('dialog[open]')) return
  busy = true
  try {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (!response.ok || response.redirected) return
    const next = new DOMParser().parseFromString(await response.text(), 'text/html')
    for (const old of document.querySelectorAll('[data-live]')) {
      const fresh = next.getElementById(old.id)
      // Whoever reads it with the keyboard is not thrown out.
      if (!fresh || old.contains(document.activeElement)) continue
      localTimes(fresh)
      old.replaceChildren(...fresh.childNodes)
    }
  } catch {
    // The next event tries again.
  } finally {
    busy = false
  }
}

/** @type {EventSource | undefined} */
let events

// Browsers keep six connections to a server: a page that nobody looks at needs none.
const listen = () => {
  events?.close()
  events = undefined
  if (document.hidden) return
  events = new EventSource('/ui/live')
  events.addEventListener('message', () => void refresh())
}

document.addEventListener('visibilitychange', () => {
  listen()
  void refresh()
})
listen()
