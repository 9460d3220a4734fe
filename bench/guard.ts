import { number } from './report/format.ts'
import { type Summary, summarize } from './report/summary.ts'
import type { Result } from './result.ts'
import { lastCommitted } from './results.ts'

/** How much worse a ratio may be before it is a regression. */
const allowed = 0.15

interface Guarded {
  readonly what: string
  readonly of: (summary: Summary) => number | undefined
  /** Is more of it better? */
  readonly more: boolean
}

/** Ratios to the reference within one run: what the machine was doing on the day cancels out. */
const guarded: readonly Guarded[] = [
  { what: 'requests per second', of: ({ rateRatio }) => rateRatio, more: true },
  { what: 'CPU per request', of: ({ cpuRatio }) => cpuRatio, more: false },
  { what: 'CPU per frame', of: ({ frameCpuRatio }) => frameCpuRatio, more: false },
]

/** Prints each ratio beside the one of the last committed result. @returns the exit code: 1 for a regression */
export const guard = (result: Result, last = lastCommitted()): number => {
  if (last === undefined) {
    console.log('There is no committed result to compare with: run `npm run bench` and commit it.')
    return 1
  }
  const before = new Map(summarize(last).map((summary) => [summary.name, summary]))
  const lines = summarize(result)
    .filter(({ name }) => name.startsWith('postern'))
    .flatMap((now) => guarded.map((what) => compare(what, now, before.get(now.name))))
  console.log(`Ratios to Caddy, beside those of ${last.commit} (${last.date.slice(0, 10)}):\n`)
  for (const { text } of lines) console.log(text)
  return lines.every(({ ok }) => ok) ? 0 : 1
}

const compare = (
  { what, of, more }: Guarded,
  now: Summary,
  before: Summary | undefined,
): { readonly ok: boolean; readonly text: string } => {
  const was = before && of(before)
  const is = of(now)
  const name = `${now.title}: ${what}`.padEnd(40)
  // What could not be measured was not guarded, and must not pass for it.
  if (was === undefined || is === undefined) return { ok: false, text: `${name} NOT MEASURED` }
  const worse = more ? was / is - 1 : is / was - 1
  const ok = worse <= allowed
  const verdict = ok ? '' : `  REGRESSION of ${(worse * 100).toFixed(0)} %`
  return { ok, text: `${name} ${number(is)}, was ${number(was)}${verdict}` }
}
