import type { LockedResult, Result } from '../result.ts'
import { kilobytes, megabytes, number, pair } from './format.ts'
import { type Summary, summarize } from './summary.ts'

interface Goal {
  readonly what: string
  readonly goal: string
  readonly beyond: string
  readonly show: (about: About) => string
  /** Undefined: was not measured. */
  readonly reached: (about: About) => boolean | undefined
}

interface About {
  readonly us: Summary
  readonly of: (name: string) => Summary | undefined
  readonly result: Result
}

/** Times as many requests as another; undefined where that one was not run. */
const times = ({ us, of }: About, name: string): number | undefined => {
  const other = of(name)?.rate
  return us.rate === undefined || other === undefined ? undefined : us.rate / other
}

const bestOf = ({ of }: About, names: readonly string[]): string =>
  names.toSorted((a, b) => (of(b)?.rate ?? 0) - (of(a)?.rate ?? 0))[0] ?? ''

const goGateways = ['gomodel', 'olla', 'llama-swap']

const against = (
  what: string,
  goal: number,
  beyond: string,
  name: (about: About) => string,
): Goal => ({
  what,
  goal: `≥ ${goal} ×`,
  beyond,
  show: (about) => `${number(times(about, name(about)))} ×`,
  reached: (about) => atLeast(times(about, name(about)), goal),
})

const atLeast = (value: number | undefined, goal: number) =>
  value === undefined ? undefined : value >= goal
const atMost = (value: number | undefined, goal: number) =>
  value === undefined ? undefined : value <= goal

const percentiles = (
  what: string,
  limits: { readonly p50?: number; readonly p99: number },
  beyond: string,
  of: (summary: Summary) => { readonly p50: number; readonly p99: number } | undefined,
): Goal => ({
  what: `${what}, ms, p50 / p99`,
  goal: limits.p50 === undefined ? `p99 ≤ ${limits.p99}` : `≤ ${limits.p50} / ${limits.p99}`,
  beyond,
  show: ({ us }) => pair(of(us)),
  reached: ({ us }) => {
    const found = of(us)
    if (found === undefined) return undefined
    return found.p50 <= (limits.p50 ?? Infinity) && found.p99 <= limits.p99
  },
})

/** A percentile of ten seconds moves by as much from one quiet run to the next. */
const unchanged = ({ before, during }: LockedResult): boolean =>
  during.p99 <= before.p99 * 1.25 + 0.2

/** shared/design: what Postern is to reach, everything on. */
export const goals: readonly Goal[] = [
  against('requests, of Caddy with basic_auth', 1, '', () => 'caddy-auth'),
  against('requests, of nginx proxy_pass', 0.5, 'this is beyond', () => 'nginx'),
  against('requests, of Portkey', 10, '', () => 'portkey'),
  against('requests, of the best Go gateway', 2, '', (about) => bestOf(about, goGateways)),
  against('requests, of LiteLLM', 30, '', () => 'litellm'),
  percentiles('added on one connection', { p50: 0.5, p99: 2 }, 'p50 ≤ 0.2', ({ added }) => added),
  percentiles(
    'added to the first token, 100 streams',
    { p50: 1, p99: 5 },
    '',
    (each) => each.addedFirst,
  ),
  percentiles('added per frame, 10,000 a second', { p99: 0.5 }, '', ({ addedDelay }) => addedDelay),
  {
    what: 'CPU per frame, of Caddy',
    goal: '≤ 1.8 ×',
    beyond: '≤ 1 ×',
    show: ({ us }) => `${number(us.frameCpuRatio)} ×`,
    reached: ({ us }) => atMost(us.frameCpuRatio, 1.8),
  },
  {
    what: 'memory when idle, MB',
    goal: '≤ 100',
    beyond: '60',
    show: ({ us }) => megabytes(us.idle),
    reached: ({ us }) => atMost(us.idle, 100e6),
  },
  {
    what: 'memory per open stream of 2,000, kB',
    goal: '≤ 160',
    beyond: '80',
    show: ({ us }) => kilobytes(us.perStream),
    reached: ({ us }) => atMost(us.perStream, 160e3),
  },
  {
    what: 'start to the first answer, s',
    goal: '≤ 0.6',
    beyond: '0.3',
    show: ({ us }) => number((us.coldStart ?? 0) / 1000),
    reached: ({ us }) => atMost(us.coldStart, 600),
  },
  {
    what: 'wrong passwords refused per second, after a ban',
    goal: '≥ 5,000',
    beyond: '',
    show: ({ result }) =>
      number(result.flood?.find(({ name }) => name.startsWith('postern'))?.rate),
    reached: ({ result }) =>
      atLeast(result.flood?.find(({ name }) => name.startsWith('postern'))?.rate, 5_000),
  },
  {
    what: 'p99 with the database locked for 10 s, ms',
    goal: 'unchanged, nothing lost',
    beyond: '',
    show: ({ result: { locked } }) =>
      locked ? `${number(locked.during.p99)}, before ${number(locked.before.p99)}` : '–',
    reached: ({ result: { locked } }) =>
      locked && unchanged(locked) && locked.recorded >= locked.answered,
  },
  {
    what: 'slowest question to 1,000,000 rows, ms',
    goal: '≤ 200',
    beyond: '',
    show: ({ result: { ledger } }) => number(ledger?.slowest.max),
    reached: ({ result: { ledger } }) => atMost(ledger?.slowest.max, 200),
  },
  {
    what: 'opening 1,000,000 rows, s',
    goal: '≤ 2',
    beyond: '',
    show: ({ result: { ledger } }) => number(ledger && ledger.start / 1000),
    reached: ({ result: { ledger } }) => atMost(ledger?.start, 2_000),
  },
]

/** The goals, what is reached with everything on and with everything off, in Markdown. */
export const goalsTable = (result: Result): string => {
  const summaries = summarize(result)
  const of = (name: string) => summaries.find((each) => each.name === name)
  const about = (name: string): About | undefined => {
    const us = of(name)
    return us && { us, of, result }
  }
  const governed = about('postern')
  const open = about('postern-open')
  const rows = goals.map(({ what, goal, beyond, show, reached }) => {
    const verdict = governed ? reached(governed) : undefined
    const cells = [what, goal, beyond, governed ? show(governed) : '–', word(verdict)]
    return `| ${[...cells, open ? show(open) : '–'].join(' | ')} |`
  })
  const head = '| what | goal | beyond | Postern, governed | reached | Postern, all off |'
  return [head, '|---|--:|--:|--:|:-:|--:|', ...rows].join('\n')
}

const word = (verdict: boolean | undefined): string =>
  verdict === undefined ? 'not measured' : verdict ? 'yes' : '**no**'
