import ipaddr from 'ipaddr.js'
import type { Bind, Config, ListenerConfig } from '../../../config/config.ts'
import type { Machine, MachineFacts } from '../../../platform/machine.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check } from '../given.ts'
import { codeOf } from '../trouble.ts'

/** Each listener is asked whether it is there, and ours. */
export const checkGateway: Check = async ({ config, machine }) => {
  // Where the host tells nothing, it is the gateway itself that asks.
  if (machine === undefined) return []
  const facts = await machine.facts()
  const fixed = config.listeners.filter(({ bind }) => bind.kind === 'unix' || bind.port > 0)
  const [redis, ...found] = await Promise.all([
    lookAtRedis(config, machine),
    ...fixed.map((listener) => look(listener, machine, facts)),
  ])
  const ours = oneStopped(found.flat())
  // A Redis that cannot be used explains what the gateway says of it.
  return redis.length === 0 ? ours : [...ours.filter(({ id }) => id !== 'gateway.alone'), ...redis]
}

const lookAtRedis = async ({ redis }: Config, machine: Machine): Promise<Finding[]> => {
  if (redis === undefined) return []
  const reason = await machine.redis()
  if (reason === undefined) return []
  return [finding('gateway.redis_away', 'redis', { address: new URL(redis.url).host, reason })]
}

const look = async (
  listener: ListenerConfig,
  machine: Machine,
  facts: MachineFacts,
): Promise<Finding[]> => {
  const { bind, name } = listener
  const address = addressOf(bind, machine)
  if (isForeign(bind, facts)) {
    const addresses = facts.addresses.map((each) => each.address).join(', ') || '127.0.0.1'
    return [finding('gateway.foreign_address', name, { listener: name, address, addresses })]
  }
  try {
    const { status, body } = await machine.ask(bind, '/readyz')
    return [judge(listener, address, status, parse(body), facts)]
  } catch (error) {
    return [unanswered(name, address, codeOf(error), facts)]
  }
}

interface Readiness {
  readonly status?: unknown
  readonly failing?: unknown
  readonly degraded?: unknown
}

const judge = (
  { name }: ListenerConfig,
  address: string,
  status: number,
  { status: said, failing, degraded }: Readiness,
  { running, data }: MachineFacts,
): Finding => {
  if (status === 503 && typeof failing === 'string') {
    return finding('gateway.not_ready', name, { address, part: failing })
  }
  if (status !== 200 || said !== 'ok') {
    return finding('gateway.address_taken', name, { address, listener: name })
  }
  if (running === false) return finding('gateway.elsewhere', name, { address, data: data.path })
  if (lacksRedis(degraded)) return finding('gateway.alone', name, { address })
  return fine('gateway', name, `answers at ${address}`)
}

const lacksRedis = (degraded: unknown): boolean =>
  Array.isArray(degraded) && degraded.some((each) => each?.part === 'redis')

const unanswered = (name: string, address: string, code: string, facts: MachineFacts): Finding => {
  const { running, data, user } = facts
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return finding('gateway.closed', name, { user, address })
    case 'ETIMEDOUT':
      return finding('gateway.hangs', name, { address })
    case 'ECONNREFUSED':
    case 'ENOENT':
      if (running === true) return finding('gateway.silent', name, { address, code })
      return finding('gateway.stopped', name, { address, data: data.path })
    default:
      // Bytes came that are not HTTP, or the connection was broken off.
      return finding('gateway.address_taken', name, { address, listener: name })
  }
}

/** A gateway that does not run is silent everywhere: that is said once. */
const oneStopped = (found: readonly Finding[]): Finding[] => {
  const first = found.find(({ id }) => id === 'gateway.stopped')
  return found.filter((each) => each.id !== 'gateway.stopped' || each === first)
}

export const addressOf = (bind: Bind, machine: Pick<Machine, 'absolute'>): string =>
  bind.kind === 'unix' ? machine.absolute(bind.path) : `${bracketed(bind.host)}:${bind.port}`

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

const isForeign = (bind: Bind, { addresses }: MachineFacts): boolean => {
  if (bind.kind === 'unix' || !ipaddr.isValid(bind.host)) return false
  const own = ipaddr.process(bind.host)
  if (['loopback', 'unspecified'].includes(own.range())) return false
  return !addresses.some(({ address }) => ipaddr.process(address).toString() === own.toString())
}

const parse = (body: string): Readiness => {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
