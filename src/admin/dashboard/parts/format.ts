import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'

/** Shown where there is nothing to say. */
export const none = '–'

const units = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const

/** `1.2 M`, `940`, `12 k`: three digits at most. */
export const short = (value: number): string => {
  const [unit, name] = units.find(([size]) => Math.abs(value) >= size * 0.9995) ?? [1, '']
  const scaled = value / unit
  const digits = unit === 1 && Number.isInteger(value) ? 0 : Math.abs(scaled) < 9.95 ? 1 : 0
  return `${trim(scaled.toFixed(digits))}${name && ` ${name}`}`
}

const trim = (text: string): string => text.replace(/\.0+$/, '')

/** `1,234,567` */
export const exact = (value: number): string =>
  String(value).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',')

/** `$0.0042`, `$12.30`: two digits that count, at least cents. @param usd dollars */
export const dollars = (usd: number): string => {
  if (usd === 0) return '$0'
  const size = Math.abs(usd)
  if (size >= 1000) return `$${short(usd)}`
  if (size >= 0.995) return `$${usd.toFixed(2)}`
  const digits = Math.min(9, Math.max(2, 1 - Math.floor(Math.log10(size))))
  return `$${usd.toFixed(digits).replace(/(\.\d\d.*?)0+$/, '$1')}`
}

/** `840 ms`, `2.4 s`, `3 min`, `5 h`, `12 d`. */
export const span = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${trim((ms / 1000).toFixed(ms < 9950 ? 1 : 0))} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} d`
}

/** `1.5 MiB` */
export const bytes = (count: number): string => {
  const size = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = Math.min(size.length - 1, count < 1 ? 0 : Math.floor(Math.log2(count) / 10))
  const scaled = count / 1024 ** step
  return `${trim(scaled.toFixed(step > 0 && scaled < 9.95 ? 1 : 0))} ${size[step]}`
}

/** A number people can read, the exact one on hover. */
export const count = (value: number, unit = ''): Html => {
  const shown = `${short(value)}${unit && ` ${unit}`}`
  const full = `${exact(value)}${unit && ` ${unit}`}`
  return shown === full
    ? html`<span class="num">${shown}</span>`
    : html`<data class="num" value="${value}" title="${full}">${shown}</data>`
}

/** What was paid. @param nanousd billionths of a dollar; null: nobody knows */
export const cost = (nanousd: number | null): Html =>
  nanousd === null
    ? html`<span class="num quiet" title="The price is not known">${none}</span>`
    : html`<data class="num" value="${nanousd / 1e9}" title="$${exact(nanousd / 1e9)}">${dollars(nanousd / 1e9)}</data>`

/** `3 h ago`, or `in 5 d`; the exact time on hover, which the page's script turns into local time. */
export const when = (at: number | null, now: number): Html => {
  if (at === null) return html`<span class="quiet">${none}</span>`
  const iso = new Date(at).toISOString()
  const away = Math.abs(now - at)
  const words = away < 5000 ? 'now' : now >= at ? `${span(away)} ago` : `in ${span(away)}`
  return html`<time datetime="${iso}" title="${iso}">${words}</time>`
}
