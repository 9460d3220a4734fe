import type { Config } from '../../../config/config.ts'
import type { LocalApi, Log } from '../../../platform/platform.ts'
import { crossCheck, type TailnetProblem } from '../../../tailscale/cross-checks.ts'
import { readFacts } from '../../../tailscale/facts.ts'

export interface TailnetChecksOptions {
  readonly localApi: (config: Config) => LocalApi
  /** Makes the path of a listener's socket absolute. */
  readonly absolute: (path: string) => string
  readonly log: Log
}

export interface TailnetChecks {
  /** @throws Error with a line for each reason not to start; warnings go to the log */
  start(config: Config): Promise<void>
  /** Why `next` must not take the place of `current`; empty: it may. */
  reload(current: Config, next: Config): Promise<readonly string[]>
  /** Looks once a minute, and logs what is new. */
  watch(config: () => Config): { stop(): void }
}

/** ms for all that tailscaled is asked at once: a start must not hang on it. */
const patience = 2000
const EVERY = 60_000

/** Holds the configuration against tailscaled: before it is served, before it is changed, and as time goes by. */
export const createTailnetChecks = (options: TailnetChecksOptions): TailnetChecks => {
  const { localApi, absolute, log } = options
  const known = new Set<string>()
  const factsOf = (config: Config) => readFacts(localApi(config), AbortSignal.timeout(patience))
  const check = async (config: Config) => crossCheck(config, await factsOf(config), absolute)

  /** Says each problem once, until it was gone for a time. */
  const tell = (problems: readonly TailnetProblem[]): void => {
    const lines = problems.map(lineOf)
    for (const line of lines) {
      if (!known.has(line)) log('warn', 'tailscale.check', { reason: line })
    }
    known.clear()
    for (const line of lines) known.add(line)
  }

  return {
    start: async (config) => {
      const problems = await check(config)
      const errors = problems.filter(isError)
      if (errors.length === 0) return tell(problems)
      throw new Error(`nothing was started\n${errors.map(lineOf).join('\n')}`)
    },
    reload: async (current, next) => {
      const facts = await factsOf(next)
      const before = new Set(crossCheck(current, facts, absolute).map(lineOf))
      return crossCheck(next, facts, absolute)
        .filter((problem) => isError(problem) && !problem.onlyAtStart)
        .map(lineOf)
        .filter((line) => !before.has(line))
    },
    watch: (config) => {
      const timer = setInterval(() => void check(config()).then(tell), EVERY)
      return { stop: () => clearInterval(timer) }
    },
  }
}

const isError = ({ severity }: TailnetProblem): boolean => severity === 'error'

const lineOf = ({ severity, message, remedy }: TailnetProblem): string =>
  `tailscale: ${severity}: ${message}. ${remedy}`
