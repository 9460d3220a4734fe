import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import { dollars, exact, short, span } from './format.ts'
import type { Column } from './table.ts'

/** A budget of somebody. */
export interface Bucket {
  readonly bucket: string
  /** Billionths of a dollar, tokens, requests, ms that providers spent, or requests at once. */
  readonly unit: string
  readonly balance: number
  readonly held: number
  readonly capacity: number
  readonly rate: string
  readonly spent: number
}

export const amount = (value: number, unit: string): string => {
  if (unit === 'dollars') return dollars(value / 1e9)
  if (unit === 'compute') return span(value)
  return unit === 'concurrent' ? `${value} at once` : `${short(value)} ${unit}`
}

const fully = (value: number, unit: string): string =>
  unit === 'dollars'
    ? `$${exact(value / 1e9)}`
    : `${exact(value)} ${unit === 'compute' ? 'ms' : unit}`

export const amountCell = (value: number, unit: string): Html =>
  html`<data class="num" value="${value}" title="${fully(value, unit)}">${amount(value, unit)}</data>`

export const bucketColumns: readonly Column<Bucket>[] = [
  {
    head: 'Budget',
    cell: ({ bucket }) => html`<strong>${bucket}</strong>`,
    text: ({ bucket }) => bucket,
  },
  {
    head: 'Left',
    cell: ({ balance, capacity, bucket, unit }) =>
      html`<progress class="share" max="${Math.max(1, capacity)}" value="${Math.max(0, balance)}" aria-label="Left of ${bucket}"></progress> ${amountCell(balance, unit)}`,
    text: ({ balance }) => balance,
    numeric: true,
  },
  {
    head: 'Of',
    cell: ({ capacity, unit }) => amountCell(capacity, unit),
    text: ({ capacity }) => capacity,
    numeric: true,
  },
  {
    head: 'Held',
    cell: ({ held, unit }) => amountCell(held, unit),
    text: ({ held }) => held,
    numeric: true,
  },
  {
    head: 'Fills',
    cell: ({ rate }) => rate || html`<span class="quiet">not by itself</span>`,
    text: ({ rate }) => rate,
  },
  {
    head: 'Ever spent',
    cell: ({ spent, unit }) => amountCell(spent, unit),
    text: ({ spent }) => spent,
    numeric: true,
  },
]
