import { canRoutes } from './admin/can.ts'
import { pricingRoutes } from './admin/pricing.ts'
import { providerRoutes } from './admin/providers.ts'
import { adminApi, type Mounted } from './admin/routes.ts'
import { budgetRoutes } from './budgets.ts'
import type { Config } from './config/config.ts'
import { doctorRoutes } from './doctor/route.ts'
import { createDoctor } from './doctor.ts'
import type { Door } from './identity/caller.ts'
import { digestOf, hintOf, newRandomKey } from './identity/key-format.ts'
import type { Platform } from './platform.ts'
import { explain } from './policy/explain.ts'
import { compileGrants } from './policy/grants.ts'
import { doorsOf, subjectOf } from './policy/who.ts'
import { banAddress, bannableAddress } from './ratelimit/ban-address.ts'
import type { State } from './state.ts'
import { anyDialect } from './upstream/any-dialect.ts'

/** Our own API, joined to the stages that it manages. */
export const management = (config: Config, platform: Platform, state: State): Mounted[] =>
  adminApi({
    platform,
    document: state.document,
    compareWith: config.compareWith,
    ownsApiConfig: config.webui === undefined,
    newKey: async () => {
      const key = newRandomKey(platform.random)
      return { key, digest: await digestOf(key), hint: hintOf(key) }
    },
    staysAdmin: (c, next) => {
      const { caller } = c.get('auth')
      const policy = compileGrants({ ...next, log: platform.log })
      return caller !== undefined && policy.forCaller(caller, c.get('client')).role === 'admin'
    },
    address: banAddress,
    bannable: bannableAddress,
    ended: state.endedSessions.add,
    more: [
      ...canRoutes(explainer(config, state)),
      ...doctorRoutes(createDoctor(config, platform, state)),
      ...budgetRoutes(config, platform, state),
      ...pricingRoutes({ ...platform, providers: () => state.registry.providers() }),
      ...providerRoutes({
        providers: () => state.registry.providers(),
        health: state.health.of,
        load: state.load,
      }),
    ],
  })

/** May they, and why or why not, at each door asked about; without one, at each they can come by. */
export const explainer =
  (config: Config, { registry }: State) =>
  (who: string, model: string, asked: Door | undefined) => {
    const providers = registry.providers()
    const subject = subjectOf(who, config)
    const known = {
      ...config,
      route: anyDialect(providers, model),
      models: providers.flatMap(({ id, models }) => models.map((name) => `${id}/${name}`)),
    }
    const doors = asked ? [asked] : doorsOf(who, subject)
    return doors.map((door) => {
      const place = { door, loopback: door === 'local' }
      return { door, ...explain({ who: subject, place, model }, known) }
    })
  }
