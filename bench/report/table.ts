import { kilobytes, megabytes, ms, number, pair } from './format.ts'
import type { Summary } from './summary.ts'

export interface Column {
  readonly head: string
  readonly cell: (summary: Summary) => string
}

export const columns: Readonly<Record<string, Column>> = {
  title: { head: '', cell: ({ title }) => title },
  does: { head: 'beside passing on', cell: ({ does }) => does },
  rate: { head: 'requests/s', cell: ({ rate }) => number(rate) },
  rateRatio: { head: '× Caddy', cell: ({ rateRatio }) => number(rateRatio) },
  cpu: { head: 'CPU ms / 1,000', cell: ({ cpu }) => (cpu === 0 ? '–' : number(cpu)) },
  added: { head: 'added ms, p50 / p99', cell: ({ added }) => pair(added) },
  first: { head: 'added to first token, ms', cell: ({ addedFirst }) => pair(addedFirst) },
  delay: { head: 'added per frame, ms', cell: ({ addedDelay }) => pair(addedDelay) },
  frameCpu: {
    head: 'CPU ms / 1,000 frames',
    cell: ({ frameCpu }) => (frameCpu === 0 ? '–' : number(frameCpu)),
  },
  frameRatio: {
    head: '× Caddy',
    cell: ({ frameCpuRatio }) => (frameCpuRatio === 0 ? '–' : number(frameCpuRatio)),
  },
  frames: { head: 'frames/s', cell: ({ frames }) => number(frames) },
  idle: { head: 'idle MB', cell: ({ idle }) => (idle === 0 ? '–' : megabytes(idle)) },
  peak: { head: 'peak MB', cell: ({ peak }) => (peak === 0 ? '–' : megabytes(peak)) },
  perStream: { head: 'kB per open stream', cell: ({ perStream }) => kilobytes(perStream) },
  start: { head: 'start ms', cell: ({ coldStart }) => ms(coldStart) },
}

/** A table in Markdown. */
export const table = (summaries: readonly Summary[], names: readonly string[]): string => {
  const chosen = names.map((name) => columns[name] as Column)
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = names.map((name) => (name === 'title' || name === 'does' ? '---' : '--:'))
  return [
    line(chosen.map(({ head }) => head)),
    `|${rule.join('|')}|`,
    ...summaries.map((summary) => line(chosen.map(({ cell }) => cell(summary)))),
  ].join('\n')
}
