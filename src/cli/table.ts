import { once } from 'node:events'

export interface Column {
  readonly name: string
  /** Numbers stand to the right. */
  readonly numeric?: boolean
}

/** Lines of an aligned table, two spaces between columns. */
export const table = (columns: readonly Column[], rows: readonly (readonly string[])[]): string => {
  const cells = [columns.map(({ name }) => name.toUpperCase()), ...rows.map(shown)]
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    columns
      .map(({ numeric }, at) => pad(row[at] ?? '', widths[at] ?? 0, numeric ?? false))
      .join('  ')
      .trimEnd()
  return `${cells.map(line).join('\n')}\n`
}

const pad = (text: string, width: number, numeric: boolean): string =>
  numeric ? text.padStart(width) : text.padEnd(width)

const WIDEST = 60

/** Names come from strangers: no control character, and no mark that turns text around, reaches the terminal. */
const shown = (row: readonly string[]): string[] =>
  row.map((text) => {
    const safe = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
    return safe.length > WIDEST ? `${safe.slice(0, WIDEST - 1)}…` : safe
  })

/** Writes to stdout at the reader's pace; a reader that leaves (`| head`) ends the command in peace. */
export const print = async (text: string): Promise<void> => {
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => process.exit(0))
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** What begins, for somebody who watches: a nightly job has nothing to say unless something is wrong. */
export const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`${text} …\n`)
}
