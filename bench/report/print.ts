import type { Result } from '../result.ts'
import { summarize } from './summary.ts'
import { table } from './table.ts'

/** The tables, for a terminal. */
export const printTable = (result: Result): void => {
  const summaries = summarize(result)
  const requests = ['title', 'rate', 'rateRatio', 'cpu', 'added', 'idle', 'peak', 'start']
  const streams = ['title', 'first', 'delay', 'frameCpu', 'frameRatio', 'frames', 'perStream']
  console.log(`\n${aligned(table(summaries, requests))}\n\n${aligned(table(summaries, streams))}\n`)
}

const aligned = (markdown: string): string => {
  const rows = markdown
    .split('\n')
    .filter((line) => !/^\|[-:|]+$/.test(line))
    .map((line) => line.slice(2, -2).split(' | '))
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const pad = (cell: string, i: number) =>
    i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)
  return rows.map((row) => row.map(pad).join('  ')).join('\n')
}
