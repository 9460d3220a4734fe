import type { Config } from '../../config/config.ts'
import type { Problem } from '../../config/problem.ts'
import type { Machine } from '../../platform/machine.ts'
import type { Clock, LocalApi } from '../../platform/platform.ts'
import type { Ask } from '../../platform/records/questions.ts'
import type { Provider, Send } from '../../platform/upstream.ts'
import type { Finding } from './finding.ts'

/** What the checks are given to look at, and to look with. */
export interface Given {
  readonly config: Config
  /** Of the file as it is now. */
  readonly problems: readonly Problem[]
  /** In force, disabled ones among them; without what they are asked for here. */
  readonly providers: readonly Provider[]
  readonly clock: Clock
  /** Sends as the gateway does. */
  readonly send: Send
  readonly localApi: LocalApi | undefined
  /** Absent where the host can tell nothing of itself (Workers). */
  readonly machine: Machine | undefined
  /** Undefined: there is no ledger yet. */
  readonly ask: Ask | undefined
}

/** Looks at one part. May reject, and may take too long: whoever calls it sees to that. */
export type Check<Needs extends keyof Given = keyof Given> = (
  given: Pick<Given, Needs>,
) => Promise<readonly Finding[]>
