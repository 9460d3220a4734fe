import { Hono } from 'hono'
import type { Config } from './config/config.ts'
import { operations } from './dialect/operations.ts'
import { isClientLeft, runHooks } from './hooks/run-hooks.ts'
import { accessLog } from './http/access-log.ts'
import { findClient } from './http/client-address.ts'
import { requireOpenDoor } from './http/doors.ts'
import type { Env } from './http/env.ts'
import { Failure } from './http/errors.ts'
import { methodNotAllowed, refuseUpgrade, requireSoundRequest } from './http/guards.ts'
import { health, readiness } from './http/health.ts'
import { hostCheck } from './http/host-check.ts'
import { onError } from './http/on-error.ts'
import { showPage } from './http/page.ts'
import { requestId } from './http/request-id.ts'
import { refuseForeignPages } from './http/same-origin.ts'
import { authenticate, hasCachedCredential } from './identity/authenticate.ts'
import { requireCaller } from './identity/require-caller.ts'
import { createWebuiIdentity } from './identity/webui-identity.ts'
import { management } from './management.ts'
import { counting, observe } from './metrics/observe.ts'
import { localOr, requireMetrics, showMetrics } from './metrics/scrape.ts'
import { createPeople } from './people.ts'
import type { Platform } from './platform.ts'
import { cors, letsOriginIn } from './policy/cors.ts'
import { compileGrants } from './policy/grants.ts'
import { authorizeTarget, grantsLoopback, requireRole } from './policy/guards.ts'
import { createProofs } from './proofs.ts'
import { ClientGone } from './proxy/exchange.ts'
import { statusPage } from './proxy/pages.ts'
import { reverseProxy } from './proxy/reverse-proxy.ts'
import { readTarget } from './proxy/target.ts'
import { requireShown, webuiProxy } from './proxy/webui.ts'
import { enforceQuotas, settling } from './quota/enforce.ts'
import { shownToHooks } from './quota/show.ts'
import { authFailures } from './ratelimit/auth-failures.ts'
import { rateLimit } from './ratelimit/rate-limit.ts'
import { refuseBanned } from './ratelimit/refuse-banned.ts'
import type { State } from './state.ts'
import { createCredential } from './upstream/credential/credential.ts'
import { createTokens } from './upstream/credential/tokens.ts'
import { findRoute } from './upstream/find.ts'
import { joinBase } from './upstream/join.ts'
import { listGeminiModels, listModels, showGeminiModel, showModel } from './upstream/models.ts'
import { requireSpoken } from './upstream/spoken.ts'
import { meter } from './usage/meter.ts'
import { vitals } from './vitals.ts'

/**
 * The product's table of contents: every route, and the stages that a request passes on its way.
 * Made anew for each configuration; what must outlive one (bans, counters, caches) is in `state`.
 */
export const createApp = (config: Config, platform: Platform, state: State): Hono<Env> => {
  const { limits, webui, allowedHosts } = config
  const { clock, log, send } = platform
  const { failures, bans, limiter, registry, open, admit, tried, quotas, metrics } = state
  const credential = createCredential(createTokens(platform))
  const policy = compileGrants({ ...config, log })
  const proofs = createProofs(config, platform, state)
  const app = new Hono<Env>()

  const isClientGone = (error: Error) => error instanceof ClientGone || isClientLeft(error)
  app.onError(onError({ log, isClientGone }))

  // Every request: an id, a log line, an address, sound framing.
  app.use(requestId(platform), accessLog({ log, clock, enabled: config.log.access }))
  app.use(observe(metrics), findClient(), requireSoundRequest())
  app.get('/healthz', health())
  app.get('/readyz', readiness({ store: platform.store, draining: () => state.draining }))

  // Every request but health: by an open door, who is shut out, and how much is too much.
  app.use(requireOpenDoor(config.mode))
  const banned = { bans, platform, exempt: hasCachedCredential(proofs.passwords, proofs.keys) }
  const counted = authFailures({ failures, bans, platform, config: config.authFailures })
  const people =
    webui?.sso === 'trusted-header'
      ? createPeople({
          config,
          webui,
          platform,
          proofs,
          banned,
          failures: counted,
        })
      : undefined
  app.use(...(people?.welcome ?? [refuseBanned(banned)]))
  const rules = { limiter, platform, rules: config.rateLimits }
  app.use(rateLimit({ ...rules, stage: 'before-authentication' }))

  // Who is calling, before everything that is for somebody.
  const recognised = [
    refuseUpgrade(),
    refuseBanned(banned),
    counted,
    authenticate({ ...proofs, loopback: grantsLoopback(config.grants) }),
  ] as const
  const known = [...recognised, requireCaller()] as const
  const limited = rateLimit({ ...rules, stage: 'after-authentication' })

  // The API of models: a proven caller with a role, within their limits, on the ledger.
  const api = [
    cors(policy),
    ...known,
    refuseForeignPages(allowedHosts, letsOriginIn(policy)),
    meter({ ...config, ...platform, store: counting(settling(platform.store, quotas), metrics) }),
    limited,
    requireRole(policy),
  ] as const
  const budgets = enforceQuotas({ ...config, ledger: quotas, platform })
  const shown = shownToHooks(quotas, config.quotas)
  const hooks = runHooks({ ...platform, config, state: state.hooks, quotas: shown })
  for (const operation of operations) {
    for (const path of operation.paths) {
      app.post(
        path,
        ...api,
        readTarget({ operation, limits }),
        requireSpoken(registry, operation.named !== undefined),
        authorizeTarget(findRoute(registry, operation.named !== undefined)),
        budgets,
        hooks,
        reverseProxy({ send, clock, log, limits, open, join: joinBase, credential, admit, tried }),
      )
      if (path.startsWith('/v1/')) app.all(path, ...api, () => fail(methodNotAllowed(['POST'])))
    }
  }
  for (const path of ['/v1/models', '/models'] as const) {
    app.get(path, ...api, listModels(registry))
    app.get(`${path}/:model{.+}`, ...api, showModel(registry))
  }
  app.get('/v1beta/models', ...api, listGeminiModels(registry))
  app.get('/v1beta/models/:model{.+}', ...api, showGeminiModel(registry))
  for (const path of ['/v1', '/v1/*', '/v1beta', '/v1beta/*', '/bedrock', '/bedrock/*']) {
    app.all(path, ...api, (c) => fail(new Failure('not_found', `There is no ${c.req.path} here.`)))
  }

  people?.routes(app)

  // Our own API.
  const own = [
    ...known,
    refuseForeignPages(allowedHosts, () => false),
    limited,
    requireRole(policy),
  ]
  for (const { method, path, handle } of management(config, platform, state)) {
    app.on(method, [path], ...own, handle)
  }

  // For Prometheus.
  const readers = localOr(hostCheck(allowedHosts), [
    requireCaller(),
    limited,
    requireRole(policy),
    requireMetrics(),
  ])
  app.get('/metrics', ...recognised, ...readers, showMetrics(vitals(platform, state)))

  // Ours, and not yet there: never passed on to what stands behind.
  for (const path of ['/postern/*', '/aperture/*', '/metrics', ...managementPaths]) {
    app.all(path, () => fail(new Failure('not_found', 'There is nothing here.')))
  }
  app.get('/ui', hostCheck(allowedHosts), (c) => showPage(c, statusPage(new URL(c.req.url).origin)))

  // Everything else: Open WebUI, or a page that says how to get on.
  if (webui) {
    app.use(requireShown(webui))
    if (people) {
      app.use(...people.guards)
      app.use(limited, requireRole(policy))
    }
    const identity = people && createWebuiIdentity({ ...config, headers: webui.headers })
    app.all('*', webuiProxy({ webui, allowedHosts, send, clock, log, limits, open, identity }))
  } else {
    app.get('/', hostCheck(allowedHosts), (c) => showPage(c, statusPage(new URL(c.req.url).origin)))
    app.all('*', () => fail(new Failure('not_found', 'There is nothing here.')))
  }
  return app
}

/** Model servers let anybody pull, build and delete models here; no door of ours leads to it. */
const managementPaths = ['pull', 'push', 'create', 'copy', 'delete', 'blobs/*'].map(
  (name) => `/api/${name}`,
)

const fail = (failure: Failure): never => {
  throw failure
}
