import type { Hono } from 'hono'
import { createApp } from '../../app/app.ts'
import type { State } from '../../app/state.ts'
import type { Config, ListenerConfig } from '../../config/config.ts'
import type { Env } from '../../gateway/http/env.ts'
import type { Platform } from '../../platform/platform.ts'
import { bindServer, located, redeclareBind } from './http/bind.ts'
import { createListener, type Listener } from './http/listener.ts'

export interface GatewayOptions {
  readonly config: Config
  readonly platform: Platform
  readonly state: State
  readonly dataDir: string
}

export interface Gateway {
  /** Listener name to address. */
  readonly addresses: ReadonlyMap<string, string>
  /** What it listens on, with the absolute paths of socket files. */
  readonly listeners: readonly ListenerConfig[]
  /** New requests follow the new configuration at once; running ones end under the old one. */
  reload(config: Config): Promise<void>
  /** Takes no new connections, lets answers finish for `grace` ms, then ends what is left with an error. */
  stop(grace: number): Promise<void>
}

interface Bound extends Listener {
  declared: ListenerConfig
  /** The declaration with the absolute path of its socket file, and since when it has this identity. */
  located: ListenerConfig
  since: number
  readonly address: string
}

/** Opens every listener of the configuration, or none: an address in use closes what was opened before. */
export const startGateway = async (options: GatewayOptions): Promise<Gateway> => {
  const { platform, state, dataDir } = options
  let app: Hono<Env> = createApp(options.config, platform, state)
  const bound = new Map<string, Bound>()

  const closeAll = async (keys: readonly string[]): Promise<void> => {
    const gone = keys.map((key) => bound.get(key)).filter((each) => each !== undefined)
    for (const key of keys) bound.delete(key)
    await Promise.all(gone.map(close))
  }

  /** What stays open under another declaration gets its rights first: who may open it decides what may be believed. */
  const restrict = async (listeners: Config['listeners']): Promise<void> => {
    for (const declared of listeners) {
      const before = bound.get(keyOf(declared))?.declared
      if (before === undefined) continue
      const same = before.identity === declared.identity && before.group === declared.group
      if (!same) await redeclareBind(declared, dataDir)
    }
  }

  /** Opens what is not open yet: all of it, or nothing. */
  const open = async ({ listeners, limits }: Config): Promise<void> => {
    const fresh = listeners.filter((declared) => !bound.has(keyOf(declared)))
    try {
      for (const declared of fresh) {
        const own = createListener({
          declared: () => bound.get(keyOf(declared))?.located ?? located(declared, dataDir),
          since: () => bound.get(keyOf(declared))?.since ?? 0,
          clock: platform.clock,
          fetch: (request, bindings) => app.fetch(request, bindings),
          headerTimeout: limits.headerTimeout,
        })
        const address = await bindServer(own.server, declared, dataDir)
        bound.set(keyOf(declared), {
          ...own,
          declared,
          located: located(declared, dataDir),
          since: 0,
          address,
        })
      }
    } catch (error) {
      await closeAll(fresh.map(keyOf))
      throw error
    }
  }

  /** What may change about a socket that stays open. */
  const redeclare = ({ listeners, limits }: Config): void => {
    for (const declared of listeners) {
      const kept = bound.get(keyOf(declared))
      if (!kept) continue
      if (kept.declared.identity !== declared.identity) kept.since = platform.clock.elapsed()
      kept.declared = declared
      kept.located = located(declared, dataDir)
      kept.server.headersTimeout = limits.headerTimeout
    }
  }

  await open(options.config)

  return {
    get addresses() {
      return new Map([...bound.values()].map(({ declared, address }) => [declared.name, address]))
    },
    get listeners() {
      return [...bound.values()].map((each) => each.located)
    },
    reload: async (config) => {
      const before = [...bound.values()].map(({ declared }) => declared)
      try {
        await restrict(config.listeners)
        await open(config)
      } catch (error) {
        await Promise.allSettled(before.map((declared) => redeclareBind(declared, dataDir)))
        throw error
      }
      app = createApp(config, platform, state)
      redeclare(config)
      const wanted = new Set(config.listeners.map(keyOf))
      void closeAll([...bound.keys()].filter((key) => !wanted.has(key)))
    },
    stop: async (grace) => {
      state.draining = true
      const deadline = platform.clock.elapsed() + grace
      const servers = [...bound.values()]
      const late = setTimeout(() => endAnswers(state, servers), grace)
      await closeAll([...bound.keys()])
      clearTimeout(late)
      const left = Math.max(farewell, deadline - platform.clock.elapsed())
      await state.hooks.deliveries.drain(left)
    },
  }
}

/** A listener is its socket: name and trust may change while it stays open. */
const keyOf = ({ bind }: ListenerConfig): string => JSON.stringify(bind)

/** Answers under way may finish; WebSockets cannot be handed over, and their pages connect again by themselves. */
const close = ({ server, closeTunnels }: Listener): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    closeTunnels()
  })

/** ms for the last words to leave. */
const farewell = 500

const endAnswers = (state: State, servers: Iterable<Bound>): void => {
  for (const exchange of state.activeExchanges) exchange.stop()
  setTimeout(() => {
    for (const { server } of servers) server.closeAllConnections()
  }, farewell)
}
