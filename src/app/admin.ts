import { createAudit } from '../admin/api/audit.ts'
import { canRoutes } from '../admin/api/can.ts'
import { providerRoutes } from '../admin/api/providers.ts'
import { quotaRoutes } from '../admin/api/quotas.ts'
import type { AdminRoute } from '../admin/api/route.ts'
import { adminApi, type Mounted } from '../admin/api/routes.ts'
import { pricingRoutes } from '../admin/api/usage/pricing.ts'
import { doctorRoutes } from '../admin/doctor/route.ts'
import type { Config } from '../config/config.ts'
import { digestOf, hintOf, newRandomKey } from '../gateway/identity/key-format.ts'
import { explain } from '../gateway/policy/explain.ts'
import { compileGrants } from '../gateway/policy/grants.ts'
import { doorsOf, subjectOf } from '../gateway/policy/who.ts'
import { unusedRef } from '../gateway/quota/names.ts'
import { bucketsFor } from '../gateway/quota/show.ts'
import { banAddress, bannableAddress } from '../gateway/ratelimit/ban-address.ts'
import { anyDialect } from '../gateway/upstream/routing/any-dialect.ts'
import type { Door } from '../platform/caller.ts'
import type { Platform } from '../platform/platform.ts'
import { createDoctor } from './doctor.ts'
import type { State } from './state.ts'

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

/** What our own API tells of budgets, and puts back into them. */
const budgetRoutes = (
  { quotas }: Pick<Config, 'quotas'>,
  platform: Platform,
  { quotas: ledger }: Pick<State, 'quotas'>,
): AdminRoute[] => {
  const mine = bucketsFor(ledger, quotas)
  return quotaRoutes({
    platform,
    audit: createAudit(platform),
    buckets: async (c, all) => {
      await ledger.ready()
      return all ? ledger.show(ledger.refs()) : mine(c)
    },
    find: async (bucket) => {
      await ledger.ready()
      const used = ledger.show(ledger.refs()).find((state) => state.bucket === bucket)
      return used ?? ledger.show(unusedRef(bucket, quotas))[0]
    },
    refill: (refill) => ledger.refill([refill]),
  })
}
