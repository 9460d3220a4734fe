import { createApp } from '../../app/app.ts'
import { createState } from '../../app/state.ts'
import type { Config } from '../../config/config.ts'
import type { Bindings } from '../../gateway/http/env.ts'
import { createRegistry, type Registry } from '../../gateway/upstream/registry.ts'
import type { Platform } from '../../platform/platform.ts'
import { readConfig, type WorkerEnv } from './config.ts'
import { createKeyRefresh } from './key-refresh.ts'
import { createPlatform } from './platform.ts'

export interface Gateway {
  fetch(request: Request, bindings: Bindings): Response | Promise<Response>
}

/**
 * Makes the gateway of this isolate. Its counters and caches see what this isolate is sent, no more.
 * @throws ConfigError
 */
export const startGateway = async (env: WorkerEnv): Promise<Gateway> => {
  const { config, warnings, sessionSecret } = readConfig(env)
  const platform = createPlatform(config, sessionSecret)
  for (const reason of warnings) platform.log('warn', 'config.warning', { reason })
  // No ports: what listens on loopback is not ours.
  const registry = createRegistry(platform, config, { ports: [] })
  const look = createLook(registry, platform)
  const state = createState(platform, {
    providers: () => registry.providers(),
    lookAgain: () => look(asked),
  })
  if (someAreAsked(config)) await look(routine)
  const loaded = Promise.all([state.bans.loaded, state.keys.loaded])
  platform.waitUntil(loaded)
  await Promise.race([loaded, sleep(patience)])
  const keysAreCurrent = createKeyRefresh(platform)
  const app = createApp(config, platform, state)
  return {
    fetch: async (request, bindings) => {
      void look(routine)
      await keysAreCurrent()
      return app.fetch(request, bindings)
    },
  }
}

/** ms that a start waits for bans and keys: a database that is out of reach must not shut the gateway. */
const patience = 1_000

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Is there a provider whose models nobody knows before it is asked? */
const someAreAsked = ({ providers }: Config): boolean =>
  [...providers.values()].some(({ models }) => models.length === 0 || models.includes('*'))

/** ms between two looks: for their own sake, and for a model that nobody lists. */
const routine = 60_000
const asked = 10_000

/**
 * Asks the providers for their models, unless that was done less than `every` ms ago, and says whether there is news.
 * Only requests ask, for no timer runs between them; and a look goes on when the request that began it is over,
 * because one that was cut off would never end for those who wait for it.
 */
const createLook = (
  registry: Registry,
  { clock, waitUntil }: Platform,
): ((every: number) => Promise<boolean>) => {
  let lookedAt = Number.NEGATIVE_INFINITY
  return async (every) => {
    if (clock.elapsed() - lookedAt < every) return false
    lookedAt = clock.elapsed()
    const before = registry.providers()
    const looking = registry.refresh()
    waitUntil(looking)
    await looking
    return registry.providers() !== before
  }
}
