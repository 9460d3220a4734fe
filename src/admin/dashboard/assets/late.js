// @ts-check
// What takes long is asked for once the page is there, and put in its place.
import { localTimes } from './app.js'

for (const place of document.querySelectorAll('[data-late]')) {
  const { late = '' } = /** @type {HTMLElement} */ (place).dataset
  fetch(late, { headers: { accept: 'text/html' } })
    .then(async (response) => {
      if (!response.ok) throw new Error(`status ${response.status}`)
      const page = new DOMParser().parseFromString(await response.text(), 'text/html')
      const found = page.getElementById(place.id)
      if (!found) throw new Error('an empty answer')
      localTimes(found)
      place.replaceWith(found)
    })
    .catch(() => {
      place.textContent = 'That did not work. Load the page again.'
    })
}
