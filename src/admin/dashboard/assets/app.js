// @ts-check
// What every page does: times in the reader's own time zone, copying, and Cmd/Ctrl+K.

const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

/** @param {ParentNode} root */
export const localTimes = (root) => {
  for (const time of root.querySelectorAll('time')) {
    time.title = local.format(new Date(time.dateTime))
  }
}

/** Says it to everybody, who listens included. @param {string} words */
export const say = (words) => {
  const place = document.getElementById('said')
  if (!place) return
  place.textContent = words
  setTimeout(() => {
    if (place.textContent === words) place.textContent = ''
  }, 4000)
}

/** @param {string} question @param {string} yes @returns {Promise<boolean>} */
export const confirmed = (question, yes = 'Yes') => {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById('confirm'))
  const what = /** @type {HTMLElement} */ (dialog.querySelector('p'))
  const button = /** @type {HTMLButtonElement} */ (dialog.querySelector('[value=yes]'))
  what.textContent = question
  button.textContent = yes
  dialog.returnValue = 'no'
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true })
  })
}

const copy = async (/** @type {HTMLElement} */ button) => {
  const source = button.parentElement?.querySelector('code, pre')
  const text = source?.textContent ?? ''
  try {
    await navigator.clipboard.writeText(text)
    say('Copied')
  } catch {
    // Only pages over TLS or of this machine may write there.
    if (source) getSelection()?.selectAllChildren(source)
    say('Selected: press Ctrl+C to copy')
  }
}

const palette = /** @type {HTMLDialogElement | null} */ (document.getElementById('palette'))
const field = palette?.querySelector('input')
const links = [...(palette?.querySelectorAll('a') ?? [])]
const shown = () => links.filter((link) => !link.parentElement?.hidden)
let chosen = 0

const mark = () => {
  shown().forEach((link, index) => {
    link.classList.toggle('on', index === chosen)
    if (index === chosen) link.scrollIntoView({ block: 'nearest' })
  })
}

const filter = () => {
  const words = (field?.value ?? '').toLowerCase().split(/\s+/)
  for (const link of links) {
    const text = `${link.textContent} ${link.dataset.words}`.toLowerCase()
    const item = /** @type {HTMLElement} */ (link.parentElement)
    item.hidden = !words.every((word) => text.includes(word))
  }
  const nothing = palette?.querySelector('p')
  if (nothing) nothing.hidden = shown().length > 0
  chosen = 0
  mark()
}

const openPalette = () => {
  if (!palette || !field || palette.open) return
  const menu = document.getElementById('menu')
  if (menu?.matches(':popover-open')) menu.hidePopover()
  field.value = ''
  palette.showModal()
  filter()
}

field?.addEventListener('input', filter)
palette?.addEventListener('keydown', (event) => {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  const count = shown().length
  if (step !== 0 && count > 0) {
    event.preventDefault()
    chosen = (chosen + step + count) % count
    mark()
  }
  if (event.key === 'Enter') {
    event.preventDefault()
    shown()[chosen]?.click()
  }
})
palette?.addEventListener('click', (event) => {
  if (event.target === palette) palette.close()
})

document.addEventListener('keydown', (event) => {
  if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return
  event.preventDefault()
  openPalette()
})
document.addEventListener('click', (event) => {
  const target = event.target instanceof Element ? event.target : null
  const button = target?.closest('[data-copy]')
  if (button instanceof HTMLElement) void copy(button)
  if (target?.closest('[data-palette]')) openPalette()
})

// A choice that only changes what is shown needs no second click.
document.addEventListener('change', (event) => {
  const target = event.target
  if (!(target instanceof HTMLSelectElement) || target.dataset.go === undefined) return
  target.form?.requestSubmit()
})

if (!navigator.platform.startsWith('Mac')) {
  for (const key of document.querySelectorAll('kbd')) key.textContent = 'Ctrl K'
}
localTimes(document)
