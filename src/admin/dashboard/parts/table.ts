import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import { icon } from './icon.ts'

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => Html | string
  /** For the file; absent: the column is left out there. */
  readonly text?: (row: Row) => string | number | null
  /** Numbers stand at the right, and one below the other. */
  readonly numeric?: boolean
  /** What is in it says what it is: its head is only heard. */
  readonly bare?: boolean
}

export interface TableOptions<Row> {
  /** For who hears the page. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  /** What to do next, where there is nothing. */
  readonly empty: Html | string
  /** Where the same is to be had as a file. */
  readonly csv?: string
}

export const table = <Row>({ caption, columns, rows, empty, csv }: TableOptions<Row>): Html => {
  if (rows.length === 0) return html`<div class="empty">${empty}</div>`
  // Roles are said aloud, for the stylesheet lays rows out as blocks where there is no room, and browsers then forget them.
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table role="table">
<thead role="rowgroup"><tr role="row">${columns.map(({ head, numeric, bare }) => html`<th role="columnheader" scope="col"${right(numeric)}>${bare ? html`<span class="heard">${head}</span>` : head}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map((row) => html`<tr role="row">${columns.map(({ head, cell, numeric, bare }) => html`<td role="cell" data-head="${bare ? '' : head}"${right(numeric)}><div>${cell(row)}</div></td>`)}</tr>\n`)}</tbody>
</table></div>${csv === undefined ? '' : html`<p class="below"><a href="${csv}" download>${icon('download')}CSV</a></p>`}`
}

const right = (numeric: boolean | undefined): Html | string => (numeric ? html` class="right"` : '')

/** RFC 4180. What a spreadsheet would take for a formula is text here. */
export const toCsv = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string => {
  const kept = columns.flatMap(({ head, text }) => (text ? [{ head, text }] : []))
  const lines = [
    kept.map(({ head }) => quoted(head)),
    ...rows.map((row) => kept.map(({ text }) => quoted(text(row)))),
  ]
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('')
}

const quoted = (value: string | number | null): string => {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
