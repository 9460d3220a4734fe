import { examine } from '../admin/doctor/examine.ts'
import type { Finding } from '../admin/doctor/finding.ts'
import type { Config } from '../config/config.ts'
import type { Problem } from '../config/problem.ts'
import type { Platform } from '../platform/platform.ts'
import type { State } from './state.ts'

export type Doctor = () => Promise<readonly Finding[]>

/** Looks at everything around this gateway, for its admins. Once at a time, however many want to know. */
export const createDoctor = (config: Config, platform: Platform, state: State): Doctor => {
  const { clock, send, tailscale, machine, store } = platform
  let running: Promise<readonly Finding[]> | undefined
  const look = async () =>
    examine({
      config,
      problems: await problemsOf(state),
      providers: state.registry.providers(),
      clock,
      send,
      localApi: tailscale,
      machine,
      ask: store.ask,
    })
  return () => {
    running ??= look().finally(() => {
      running = undefined
    })
    return running
  }
}

/** Of the configuration as it is kept now, which need not be the one in force. */
const problemsOf = async ({ document }: State): Promise<readonly Problem[]> => {
  if (document === undefined) return []
  try {
    const { text } = await document.read()
    return document.parse(text).problems
  } catch (error) {
    return [unreadable(error instanceof Error ? error.message : String(error))]
  }
}

const unreadable = (reason: string): Problem => ({
  severity: 'error',
  file: 'configuration',
  line: 1,
  column: 1,
  path: '',
  message: `it cannot be read (${reason})`,
  remedy: 'Put it back where it was; until then the one that was read last is in force',
})
