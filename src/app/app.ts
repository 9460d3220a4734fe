import { type Handler, Hono, type MiddlewareHandler } from 'hono'
import { every } from 'hono/combine'
import { observe } from '../admin/metrics/observe.ts'
import { localOr, requireMetrics, showMetrics } from '../admin/metrics/scrape.ts'
import type { Config } from '../config/config.ts'
import { nothingHere } from '../gateway/dialect/not-here.ts'
import { isClientLeft } from '../gateway/hooks/run-hooks.ts'
import { chain } from '../gateway/http/check.ts'
import type { Env } from '../gateway/http/env.ts'
import { findClient } from '../gateway/http/guards/client-address.ts'
import { requireOpenDoor } from '../gateway/http/guards/doors.ts'
import { refuseUpgrade, requireSoundRequest } from '../gateway/http/guards/guards.ts'
import { type Degraded, health, readiness } from '../gateway/http/guards/health.ts'
import { hostCheck } from '../gateway/http/guards/host-check.ts'
import { refuseForeignPages } from '../gateway/http/guards/same-origin.ts'
import { accessLog } from '../gateway/http/log/access-log.ts'
import { requestId } from '../gateway/http/log/request-id.ts'
import { onError } from '../gateway/http/on-error.ts'
import { createRouter } from '../gateway/http/router.ts'
import { authenticate } from '../gateway/identity/authenticate.ts'
import { requireCaller } from '../gateway/identity/require-caller.ts'
import { createWebuiIdentity } from '../gateway/identity/webui-identity.ts'
import { cors, letsOriginIn } from '../gateway/policy/cors.ts'
import { compileGrants } from '../gateway/policy/grants.ts'
import { grantsLoopback, requireRole } from '../gateway/policy/guards.ts'
import { ClientGone } from '../gateway/proxy/exchange.ts'
import { besideWebui, requireShown, webuiProxy } from '../gateway/proxy/webui/webui.ts'
import { authFailures } from '../gateway/ratelimit/auth-failures.ts'
import { rateLimit } from '../gateway/ratelimit/rate-limit.ts'
import { tagged } from '../gateway/upstream/routing/tagged.ts'
import { Failure, fail } from '../platform/failure.ts'
import type { Platform } from '../platform/platform.ts'
import { management } from './admin.ts'
import { createCredentialSchemes } from './credentials.ts'
import { createDashboard } from './dashboard.ts'
import { metricFamilies } from './metrics.ts'
import { createModelsApi } from './models.ts'
import { createSignIn } from './sign-in.ts'
import type { State } from './state.ts'

/**
 * The product's table of contents: every route, and the stages that a request passes on its way.
 * Made anew for each configuration; what must outlive one (bans, counters, caches) is in `state`.
 */
export const createApp = (config: Config, platform: Platform, state: State): Hono<Env> => {
  const { webui, allowedHosts } = config
  const app = new Hono<Env>({ router: createRouter() })
  const parts = createParts(config, platform, state)
  const { people, models } = parts
  const { everyone, callers, own, visitors, readers, toWebui } = createStages(config, parts)

  // Every request: an id, a log line, an address, sound framing.
  app.onError(onError({ ...platform, isClientGone }))
  app.use(...chain(...everyone.atOnce))
  app.get('/healthz', health())
  app.get('/readyz', readiness({ ...platform, ...readinessOf(state, platform) }))
  // Every request but health: by an open door, who is banned, and how much is too much.
  app.use(...chain(...everyone.unlessHealth))

  // The API of models: a proven caller with a role, within their limits, on the ledger.
  models.routes(app, callers)
  models.ollama(
    app,
    '/ollama/api',
    toWebui ? [besideWebui(every(...toWebui)), ...callers] : callers,
  )
  if (!webui) {
    models.ollama(app, '/api', callers)
    // Clients look whether a server is there before they ask it for anything.
    const greet: Handler<Env> = (c) => c.text('Ollama is running')
    app.on('GET', ['/ollama', '/ollama/'], ...chain(...callers, greet))
  }

  // Our own API, which is also what our pages ask.
  people.routes(app)
  for (const { method, path, handle } of management(config, platform, state)) {
    app.on(method, [path], ...chain(...own, handle))
  }

  // Our own pages, where people can also try a model.
  createDashboard(config, platform, state).routes(app, visitors())
  for (const operation of ['chat/completions', 'messages', 'embeddings']) {
    models.also(app, `/ui/v1/${operation}`, visitors(models.metered))
  }

  // For Prometheus.
  app.on('GET', ['/metrics'], ...chain(...readers, showMetrics(metricFamilies(platform, state))))

  // Ours, and not yet there: never passed on to what stands behind.
  for (const path of ours) {
    app.all(path, () => fail(new Failure('not_found', 'There is nothing here.')))
  }
  for (const name of managing) {
    const paths = [`/api/${name}`, ...(webui ? [] : [`/ollama/api/${name}`])]
    app.on('ALL', paths, () => fail(new Failure('not_found', notManagedHere)))
  }

  // Everything else: Open WebUI, or our own pages.
  if (toWebui) {
    app.on('ALL', ['*'], ...chain(...toWebui))
  } else {
    const toPages: Handler<Env> = (c) => c.redirect('/ui', 303)
    app.on('GET', ['/'], ...chain(hostCheck(allowedHosts), toPages))
    app.all('*', (c) => fail(new Failure('not_found', nothingHere(c.req.path))))
  }
  return app
}

type Stage = MiddlewareHandler<Env>

const isClientGone = (error: Error): boolean => error instanceof ClientGone || isClientLeft(error)

/** What stages are made of. */
const createParts = (config: Config, platform: Platform, state: State) => {
  const policy = compileGrants({ ...config, log: platform.log, hasTags: tagged(state.registry) })
  const schemes = createCredentialSchemes(config, platform, state, policy)
  const { failures, bans, endedSessions: ended } = state
  const counted = authFailures({ failures, bans, platform, config: config.authFailures })
  const people = createSignIn({ config, platform, schemes, bans, failures: counted, ended })
  const models = createModelsApi(config, platform, state)
  return { platform, state, policy, schemes, counted, people, models }
}

/** What stands before the routes, by whom they are for. */
const createStages = (config: Config, parts: ReturnType<typeof createParts>) => {
  const { allowedHosts } = config
  const { platform, state, policy, schemes, counted, people, models } = parts
  const { clock, log } = platform
  const rules = { limiter: state.limiter, platform, rules: config.rateLimits }
  const limited = rateLimit({ ...rules, stage: 'after-authentication' })
  // Who is calling, before everything that is for somebody.
  const loopback = grantsLoopback(config.grants)
  const watched = [refuseUpgrade(), counted] as const
  const recognised = [...watched, authenticate({ ...schemes, loopback })] as const
  const { sessions } = people
  const inBrowser = authenticate({
    ...schemes,
    loopback,
    sessions,
    requiresTotp: schemes.codes.needed,
  })
  const admitted = [limited, requireRole(policy)]
  return {
    everyone: {
      atOnce: [
        requestId(platform),
        accessLog({ log, clock, enabled: config.log.access }),
        observe(state.metrics),
        findClient(),
        requireSoundRequest(),
      ],
      unlessHealth: [
        people.pages,
        requireOpenDoor(config.mode),
        people.refuseBanned,
        rateLimit({ ...rules, stage: 'before-authentication' }),
      ],
    },
    callers: [
      cors(policy),
      ...recognised,
      requireCaller(),
      refuseForeignPages(allowedHosts, letsOriginIn(policy)),
      models.metered,
      ...admitted,
    ],
    own: [
      ...watched,
      inBrowser,
      requireCaller(),
      refuseForeignPages(allowedHosts, () => false),
      ...admitted,
    ],
    visitors: (...more: readonly Stage[]): readonly Stage[] => [
      refuseUpgrade(),
      ...people.dashboard,
      ...more,
      ...admitted,
    ],
    readers: [
      ...recognised,
      ...localOr(hostCheck(allowedHosts), [requireCaller(), ...admitted, requireMetrics()]),
    ],
    // Open WebUI, for what is not ours; behind single sign-on, for people with a role.
    toWebui: webuiStages(config, platform, state, [...people.webui, ...admitted]),
  }
}

/**
 * What anyone may know of it: neither port nor reason. Without the Redis a gateway serves everything and counts alone, and
 * so do all others: taking each of them out of service would leave none.
 */
const readinessOf = (state: State, { shared }: Pick<Platform, 'shared'>) => ({
  draining: () => state.draining,
  degraded: (): Degraded[] => [
    ...state.forwards.astray().map(({ listener }) => ({
      part: 'identity',
      detail: `listener "${listener}" believes no identity: tailscaled leads others to it, too`,
    })),
    ...(shared?.trouble() === undefined
      ? []
      : [{ part: 'redis', detail: 'this gateway counts limits and wrong credentials alone' }]),
  ],
})

/** @param people what stands before an Open WebUI that has no login of its own */
const webuiStages = (
  config: Config,
  { send, clock, log }: Platform,
  { activeExchanges, tunnels }: State,
  people: readonly MiddlewareHandler<Env>[],
): MiddlewareHandler<Env>[] | undefined => {
  const { webui, allowedHosts, limits } = config
  if (!webui) return undefined
  const sso = webui.sso === 'trusted-header'
  const identity = sso ? createWebuiIdentity({ ...config, headers: webui.headers }) : undefined
  return [
    requireShown(webui),
    ...(sso ? people : []),
    webuiProxy({
      webui,
      allowedHosts,
      send,
      clock,
      log,
      limits,
      activeExchanges,
      tunnels,
      identity,
    }),
  ]
}

const ours = ['/postern/*', '/aperture/*', '/metrics', '/ui', '/ui/*']
/** Paths below `/api` by which a model server lets every client pull, build and delete models. They lead nowhere here. */
const managing = ['pull', 'push', 'create', 'copy', 'delete', 'blobs/*']
const notManagedHere = 'Models are managed on their server, not through the gateway.'
