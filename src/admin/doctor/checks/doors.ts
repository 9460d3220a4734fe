import type { Config } from '../../../config/config.ts'
import { crossCheck, type TailnetProblem } from '../../../tailscale/cross-checks.ts'
import { obstacles } from '../../../tailscale/expose-preconditions.ts'
import { readFacts, type TailnetFacts } from '../../../tailscale/facts.ts'
import { doorsOf } from '../../../tailscale/serve-config.ts'
import { listenerAt, listening } from '../../../tailscale/serve-config-target.ts'
import type { Status } from '../../../tailscale/shapes.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check } from '../given.ts'
import { patience } from '../in-time.ts'

type Absolute = (path: string) => string

/** The configuration is held against tailscaled, as at each start, and the tailnet against what the doors need. */
export const checkDoors: Check = async ({ config, localApi, machine, clock }) => {
  // A host without a way to tailscaled has no doors of its own (Workers).
  if (localApi === undefined) return []
  const absolute: Absolute = machine ? (path) => machine.absolute(path) : (path) => path
  const facts = await readFacts(localApi, AbortSignal.timeout(patience))
  const problems = crossCheck(config, facts, absolute)
  const found = [
    ...problems.map(asFinding),
    ...inTheWay(config, facts, absolute)
      // Too old a tailscaled is in both lists, in the same words.
      .filter(({ message }) => problems.every((problem) => problem.message !== message))
      .map((obstacle) => finding('doors.obstacle', 'tailnet', { ...obstacle })),
    ...(usesTailnet(config) ? keyExpiry(facts.status, clock.now()) : []),
  ]
  return found.length > 0 ? found : [fine('doors', config.mode, 'tailscaled does what "mode" says')]
}

const asFinding = ({ severity, message, remedy }: TailnetProblem): Finding =>
  finding(severity === 'error' ? 'doors.conflict' : 'doors.doubt', 'tailscaled', {
    message,
    remedy,
  })

const usesTailnet = ({ mode, listeners }: Config): boolean =>
  mode !== 'local' || listeners.some(({ identity }) => identity === 'whois')

/** What is open is what counts; where nothing is yet, what `postern expose` would open. */
const inTheWay = (config: Config, { status, serveConfig }: TailnetFacts, absolute: Absolute) => {
  const { mode, front } = config
  // That it is not connected is said by the cross-check.
  if (mode === 'local' || front !== 'tailscale' || status?.BackendState !== 'Running') return []
  const listeners = listening(config.listeners, absolute)
  const ours = doorsOf(serveConfig ?? {}).find(
    ({ leadsTo }) => listenerAt(leadsTo, listeners)?.identity === 'serve',
  )
  const scheme = ours?.scheme === 'http' ? ('http' as const) : ('https' as const)
  return obstacles(status, { port: ours?.port ?? 443, scheme, funnel: mode !== 'serve' })
}

const day = 86_400_000
const soon = 14

const keyExpiry = (status: Status | undefined, now: number): Finding[] => {
  const expires = Date.parse(status?.Self?.KeyExpiry ?? '')
  // Go's zero time stands for never.
  if (Number.isNaN(expires) || expires <= 0) return []
  const date = new Date(expires).toISOString().slice(0, 10)
  const days = Math.floor((expires - now) / day)
  if (expires <= now) return [finding('doors.key_expired', 'tailnet', { date })]
  return days < soon ? [finding('doors.key_expiring', 'tailnet', { date, days })] : []
}
