import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import { linkTo } from '../links.ts'
import type { View } from '../page.ts'
import { tabs } from './pieces.ts'

/** A time that is looked at. */
export interface Range {
  /** As it stands in the address. */
  readonly query: Readonly<Record<string, string | undefined>>
  readonly since: number
  readonly until?: number
  /** ms that one bar of a chart stands for. */
  readonly step: number
  /** `the last 24 hours` */
  readonly words: string
}

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const presets = [
  { id: '1h', name: '1 hour', length: hour, step: minute },
  { id: '24h', name: '24 hours', length: day, step: hour },
  { id: '7d', name: '7 days', length: 7 * day, step: 6 * hour },
  { id: '30d', name: '30 days', length: 30 * day, step: day },
  { id: '90d', name: '90 days', length: 90 * day, step: day },
  { id: '1y', name: 'a year', length: 360 * day, step: 30 * day },
] as const

type Preset = (typeof presets)[number]['id']

/** What the address asks for; steps begin where the ledger's own do, so that the first bar is a whole one. */
export const rangeOf = ({ asked, now }: View, usual: Preset = '24h'): Range => {
  const [from, to] = [dayOf(asked('from')), dayOf(asked('to'))]
  if (from !== undefined && from <= (to ?? now)) return between(from, to, now)
  const preset = presets.find(({ id }) => id === (asked('range') ?? usual)) ?? presets[1]
  const { id, name, length, step } = preset
  const since = Math.floor((now - length) / step) * step + step
  return { query: { range: id }, since, step, words: `the last ${name}` }
}

const between = (from: number, to: number | undefined, now: number): Range => {
  const until = to === undefined ? undefined : to + day
  const length = (until ?? now) - from
  const step =
    length <= 2 * day ? hour : length <= 8 * day ? 6 * hour : length <= 120 * day ? day : 30 * day
  const query = { from: iso(from), to: to === undefined ? undefined : iso(to) }
  const words = `${iso(from)} to ${to === undefined ? 'now' : iso(to)}`
  return { query, since: from, ...(until !== undefined && { until }), step, words }
}

const iso = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** `2026-11-21`, in UTC as the ledger's days are. */
const dayOf = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{4}-\d\d-\d\d$/.test(text)) return undefined
  const at = Date.parse(`${text}T00:00:00Z`)
  return Number.isNaN(at) ? undefined : at
}

/** The choice of it. @param kept the rest of the address */
export const rangeTabs = (
  path: string,
  { query }: Range,
  kept: Readonly<Record<string, string | undefined>> = {},
): Html =>
  html`<div class="range">${tabs(
    'Period',
    presets.map(({ id, name }) => ({
      href: linkTo(path, { ...kept, range: id }),
      name,
      current: query.range === id,
    })),
  )}<details class="days"${query.from ? html` open` : ''}><summary>Other dates</summary><form method="get">${Object.entries(
    kept,
  ).map(([name, value]) =>
    value ? html`<input type="hidden" name="${name}" value="${value}">` : '',
  )}<input type="date" name="from" aria-label="From" value="${query.from ?? ''}" required><input type="date" name="to" aria-label="To" value="${query.to ?? ''}"><button class="small">Show</button></form></details></div>`
