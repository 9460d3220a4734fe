import type { Missing, Result } from '../result.ts'
import { number } from './format.ts'
import { goalsTable } from './goals.ts'
import { summarize } from './summary.ts'
import { table } from './table.ts'

/** What README.md says of a result. */
export const overview = (result: Result): string => {
  const shown = summarize(result).filter(({ name }) => !hidden.has(name))
  const names = ['title', 'does', 'rate', 'added', 'first', 'frameCpu', 'idle', 'start']
  return [
    '![Requests per second and memory, beside other gateways](docs/images/performance.svg)',
    table(shown, names),
    `One core for the gateway, another for load and stub; ${machine(result)}. ${method}`,
  ].join('\n\n')
}

/** Of interest in the manual only. */
const hidden = new Set(['direct', 'caddy'])

const method =
  'How it was measured, what each was started with, and what was not measured: [performance](docs/performance.md).'

const machine = ({ machine, date, commit, rounds }: Result): string => {
  const memory = Math.round(machine.memory / 1e9)
  const day = date.slice(0, 10)
  return `${machine.cpu}, ${machine.cores} cores, ${memory} GB, Linux ${machine.kernel}, Node ${machine.node.slice(1)}, ${day}, commit ${commit}, medians of ${rounds} rounds`
}

/** What docs/performance.md says of a result. */
export const manual = (result: Result): string => {
  const summaries = summarize(result)
  const requests = ['title', 'does', 'rate', 'rateRatio', 'cpu', 'added']
  const streams = ['title', 'first', 'delay', 'frames', 'frameCpu', 'frameRatio']
  const memory = ['title', 'idle', 'peak', 'perStream', 'start']
  const sections: readonly (readonly [title: string, text: string])[] = [
    ['Goals', goalsTable(result)],
    ['Requests', `${asked}\n\n${table(summaries, requests)}`],
    ['Streams', `${streamed}\n\n${table(summaries, streams)}`],
    [
      'Memory and start',
      table(
        summaries.filter(({ name }) => name !== 'direct'),
        memory,
      ),
    ],
    ['Attackers and faults', faults(result)],
    ['What was run', startLines(result)],
    ['What was not measured', missing(result.missing)],
  ]
  const chart = '![Requests per second and memory](images/performance.svg)'
  const text = sections.map(([title, body]) => `## ${title}\n\n${body}`)
  return [`Measured on ${machine(result)}.`, chart, ...text].join('\n\n')
}

const asked =
  '32 connections, a request of 400 bytes, an answer of 290. “× Caddy” is to its bare reverse_proxy in the same round. ' +
  '“Added” is on one connection: the percentile with the gateway less the one without.'
const streamed =
  '200 streams of 50 frames a second each; the first token at 100 streams. Who brings fewer than 10,000 frames a second ' +
  'does not keep up.'

const faults = ({ flood = [], locked, ledger, pages }: Result): string => {
  const lines = flood.map(
    ({ title, rate, cpuPerThousand, p99 }) =>
      `* **Wrong passwords from one address**, ${title}: ${number(rate)} refusals a second, ` +
      `${number(cpuPerThousand)} ms of CPU per 1,000, p99 ${number(p99)} ms.`,
  )
  if (locked) {
    lines.push(
      `* **Database locked for ${locked.seconds} s** by somebody else: p50 / p99 of ${number(locked.during.p50)} / ` +
        `${number(locked.during.p99)} ms, before it ${number(locked.before.p50)} / ${number(locked.before.p99)} ms; ` +
        `${locked.answered.toLocaleString('en')} requests, ${locked.recorded.toLocaleString('en')} lines in the ledger.`,
    )
  }
  if (ledger) {
    lines.push(
      `* **A ledger of ${ledger.rows.toLocaleString('en')} rows**: opened in ${number(ledger.start)} ms; the slowest of ` +
        `${ledger.questions} questions that pages ask (${ledger.slowest.what}) takes ${number(ledger.slowest.p50)} ms, ` +
        `at most ${number(ledger.slowest.max)}; ${ledger.written.toLocaleString('en')} rows a second are written.`,
    )
  }
  if (pages) {
    lines.push(
      `* **Pages of the dashboard over ${pages.rows.toLocaleString('en')} rows**: the slowest of ${pages.pages} ` +
        `(\`${pages.slowest.path}\`) takes ${number(pages.slowest.p50)} ms, at most ${number(pages.slowest.max)}. While ` +
        `somebody opens four of them a second, on the same core, who asks a model waits ${number(pages.beside.p50)} / ` +
        `${number(pages.beside.p99)} ms (p50 / p99) in place of ${number(pages.alone.p50)} / ${number(pages.alone.p99)}.`,
    )
  }
  return lines.join('\n')
}

const startLines = ({ peers }: Result): string =>
  peers
    .filter(({ startLine }) => startLine !== '')
    .map(({ title, version, startLine }) => `* ${title} ${version}: \`${startLine}\``)
    .join('\n')

const missing = (list: readonly Missing[]): string =>
  list.length === 0
    ? 'Everything was.'
    : list
        .map(({ name, what, reason }) => `* ${name}, ${what}: ${reason.split('\n')[0]}`)
        .join('\n')
