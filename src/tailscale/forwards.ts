import type { ListenerConfig } from '../config/config.ts'
import type { Clock, LocalApi, Log } from '../platform/platform.ts'
import { NoTailscaled } from '../platform/platform.ts'
import { type Door, doorsOf } from './serve-config.ts'
import { readServeConfig } from './serve-config-change.ts'
import { mayLeadTo } from './serve-config-target.ts'

/** A connection to a listener that may believe who is calling. */
export interface Connection {
  /** `clock.elapsed()` when it was accepted. */
  readonly openedAt: number
  /** The listener was declared otherwise when it was accepted. */
  readonly outdated: boolean
}

/**
 * Whether tailscaled leads others to a listener than those it vouches for. `tailscale serve --tcp` passes bytes on as they
 * come: whoever is let in by it writes the headers that tailscaled would have taken away.
 */
export interface Forwards {
  /**
   * May what comes on this connection be believed about who is calling? Exact from the moment such a door is there: what
   * tailscaled serves is read after each connection was accepted, and before it is believed. Never rejects.
   * @param listener with the absolute path of its socket file
   */
  trusts(listener: Listener, connection: Connection): boolean | Promise<boolean>
  /** Looks at these listeners now, so that a door is noticed although nobody comes through it. Never rejects. */
  look(listeners: readonly Listener[]): Promise<void>
  /** Listeners that believe nobody at present. */
  astray(): readonly Astray[]
}

export type Listener = Pick<ListenerConfig, 'name' | 'identity' | 'bind'>

export interface Astray {
  readonly listener: string
  readonly identity: ListenerConfig['identity']
  /** Where tailscaled lets in, on the tailnet or the internet. */
  readonly port: number
}

export interface ForwardsOptions {
  readonly localApi: LocalApi | undefined
  readonly clock: Clock
  readonly log: Log
}

/** ms that a request waits for tailscaled. */
const timeoutMs = 500
/** ms until it is asked again for a door that was there. */
const pauseMs = 250
/** ms until it is asked again after it did not answer, so that a daemon that hangs does not hold up every request. */
const restMs = 1000

/** What tailscaled served at one moment. */
interface Reading {
  /** `clock.elapsed()` when it was asked: what is so now was so then, or has become so since. */
  readonly startedAt: number
  readonly doors: readonly Door[]
}

interface Standing {
  astray: Astray | undefined
  /** Connections from before are none of tailscaled's own, for all that is known. */
  cleanSince: number
}

/**
 * Does this door lead others to the listener than those whom its identity is about? To a listener for serve, what is not
 * its own proxy; at a tailnet address and behind Caddy, every door: tailscaled itself is the peer there.
 */
export const isAstray = (door: Door, { identity }: Pick<Listener, 'identity'>): boolean =>
  identity === 'serve' ? door.mount === '' : identity !== 'none'

export const createForwards = ({ localApi, clock, log }: ForwardsOptions): Forwards => {
  const standings = new Map<string, Standing>()
  const judged = new WeakMap<Listener, { readonly reading: Reading; readonly standing: Standing }>()
  /** The last that was answered. */
  let last: Reading | undefined
  let failedAt: number | undefined
  let running: Promise<Reading | undefined> | undefined
  let waiting: Promise<Reading | undefined> | undefined
  let runningSince = 0

  /** Undefined: tailscaled does not answer, so nothing is known. */
  const read = async (startedAt: number): Promise<Reading | undefined> => {
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const { config } = await readServeConfig(localApi as LocalApi, signal)
      return { startedAt, doors: doorsOf(config) }
    } catch (error) {
      // Where there is no tailscaled, it leads nobody here.
      if (error instanceof NoTailscaled) return { startedAt, doors: [] }
      if (failedAt === undefined) log('warn', 'tailscale.serve', { reason: String(error) })
      return undefined
    }
  }

  const start = (): Promise<Reading | undefined> => {
    waiting = undefined
    runningSince = clock.elapsed()
    running = read(runningSince).then((reading) => {
      running = undefined
      if (reading === undefined) waiting = undefined
      failedAt = reading === undefined ? clock.elapsed() : undefined
      last = reading ?? last
      return reading
    })
    return running
  }

  const justFailed = (): boolean => failedAt !== undefined && clock.elapsed() - failedAt < restMs

  /** A reading that began at this moment or later; those who come meanwhile share the next one. */
  const readSince = (moment: number): Promise<Reading | undefined> => {
    if (running === undefined) return start()
    if (runningSince >= moment) return running
    // A daemon that hangs is waited for once.
    waiting ??= running.then((reading) => (reading === undefined ? reading : start()))
    return waiting
  }

  /** Nothing changes for a listener before the next reading. */
  const judge = (listener: Listener, reading: Reading): Standing => {
    const known = judged.get(listener)
    if (known?.reading === reading) return known.standing
    const standing = judgeAnew(standings, listener, reading, log)
    judged.set(listener, { reading, standing })
    return standing
  }

  const concludes = (
    listener: Listener,
    { openedAt }: Connection,
    reading: Reading | undefined,
  ): boolean => {
    if (reading === undefined) return false
    const { astray, cleanSince } = judge(listener, reading)
    return astray === undefined && openedAt >= cleanSince
  }

  return {
    trusts: (listener, connection) => {
      if (connection.outdated) return false
      if (localApi === undefined) return true
      if (last !== undefined && last.startedAt >= connection.openedAt) {
        if (concludes(listener, connection, last)) return true
        // Not asked at each request: what was so a moment ago is so still.
        if (justFailed() || clock.elapsed() - last.startedAt < pauseMs) return false
        return readSince(clock.elapsed()).then((now) => concludes(listener, connection, now))
      }
      if (justFailed()) return false
      return readSince(connection.openedAt).then((now) => concludes(listener, connection, now))
    },
    look: async (listeners) => {
      const believing = listeners.filter(({ identity }) => identity !== 'none')
      const known = new Set(believing.map(({ bind, identity }) => JSON.stringify([bind, identity])))
      for (const key of standings.keys()) if (!known.has(key)) standings.delete(key)
      if (localApi === undefined || believing.length === 0) return
      const reading = await readSince(clock.elapsed())
      if (reading) for (const listener of believing) judge(listener, reading)
    },
    astray: () => [...standings.values()].flatMap(({ astray }) => astray ?? []),
  }
}

const tellAstray = (log: Log, listener: string, { port, scheme }: Door): void =>
  log('warn', 'ident.distrust', {
    listener,
    port,
    reason: `tailscaled passes what comes at port ${port} (${scheme}) on to this listener, which believes nobody until that ends`,
    hint: `tailscale serve --${scheme === 'tls' ? 'tls-terminated-tcp' : scheme}=${port} off`,
  })

const judgeAnew = (
  standings: Map<string, Standing>,
  listener: Listener,
  { doors, startedAt }: Reading,
  log: Log,
): Standing => {
  const key = JSON.stringify([listener.bind, listener.identity])
  const standing = standings.get(key) ?? {
    astray: undefined,
    cleanSince: Number.NEGATIVE_INFINITY,
  }
  standings.set(key, standing)
  const door = doors.find((each) => isAstray(each, listener) && mayLeadTo(each.leadsTo, listener))
  const { name, identity } = listener
  if (door !== undefined) {
    if (standing.astray === undefined) tellAstray(log, name, door)
    standing.astray = { listener: name, identity, port: door.port }
  } else if (standing.astray !== undefined) {
    standing.astray = undefined
    standing.cleanSince = startedAt
    log('info', 'ident.trust', { listener: name })
  }
  return standing
}
