import { Hono, type MiddlewareHandler } from 'hono'
import { every } from 'hono/combine'
import type { Config } from './config/config.ts'
import { createDashboard } from './dashboard.ts'
import { nothingHere } from './dialect/not-here.ts'
import { isClientLeft } from './hooks/run-hooks.ts'
import { accessLog } from './http/access-log.ts'
import { findClient } from './http/client-address.ts'
import { requireOpenDoor } from './http/doors.ts'
import type { Env } from './http/env.ts'
import { Failure, fail } from './http/errors.ts'
import { refuseUpgrade, requireSoundRequest } from './http/guards.ts'
import { type Degraded, health, readiness } from './http/health.ts'
import { hostCheck } from './http/host-check.ts'
import { onError } from './http/on-error.ts'
import { requestId } from './http/request-id.ts'
import { createRouter } from './http/router.ts'
import { refuseForeignPages } from './http/same-origin.ts'
import { authenticate } from './identity/authenticate.ts'
import { requireCaller } from './identity/require-caller.ts'
import { createWebuiIdentity } from './identity/webui-identity.ts'
import { management } from './management.ts'
import { observe } from './metrics/observe.ts'
import { localOr, requireMetrics, showMetrics } from './metrics/scrape.ts'
import { createModelsApi } from './models-api.ts'
import { createPeople } from './people.ts'
import type { Platform } from './platform.ts'
import { cors, letsOriginIn } from './policy/cors.ts'
import { compileGrants } from './policy/grants.ts'
import { grantsLoopback, requireRole } from './policy/guards.ts'
import { createProofs } from './proofs.ts'
import { ClientGone } from './proxy/exchange.ts'
import { besideWebui, requireShown, webuiProxy } from './proxy/webui.ts'
import { authFailures } from './ratelimit/auth-failures.ts'
import { rateLimit } from './ratelimit/rate-limit.ts'
import type { State } from './state.ts'
import { tagged } from './upstream/tagged.ts'
import { vitals } from './vitals.ts'

/**
 * The product's table of contents: every route, and the stages that a request passes on its way.
 * Made anew for each configuration; what must outlive one (bans, counters, caches) is in `state`.
 */
export const createApp = (config: Config, platform: Platform, state: State): Hono<Env> => {
  const { webui, allowedHosts } = config
  const { clock, log } = platform
  const { failures, bans, limiter } = state
  const policy = compileGrants({ ...config, log, hasTags: tagged(state.registry) })
  const proofs = createProofs(config, platform, state, policy)
  const models = createModelsApi(config, platform, state)
  const app = new Hono<Env>({ router: createRouter() })
  const isClientGone = (error: Error) => error instanceof ClientGone || isClientLeft(error)
  app.onError(onError({ log, clock, isClientGone }))

  // Every request: an id, a log line, an address, sound framing.
  app.use(requestId(platform), accessLog({ log, clock, enabled: config.log.access }))
  app.use(observe(state.metrics), findClient(), requireSoundRequest())
  app.get('/healthz', health())
  const draining = () => state.draining
  app.get('/readyz', readiness({ ...platform, draining, degraded: degradedIn(state, platform) }))

  const counted = authFailures({ failures, bans, platform, config: config.authFailures })
  const people = createPeople({
    config,
    platform,
    proofs,
    bans,
    failures: counted,
    ended: state.endedSessions,
  })
  // Every request but health: by an open door, who is shut out, and how much is too much.
  app.use(people.pages, requireOpenDoor(config.mode), people.refuseBanned)
  const rules = { limiter, platform, rules: config.rateLimits }
  app.use(rateLimit({ ...rules, stage: 'before-authentication' }))

  // Who is calling, before everything that is for somebody.
  const loopback = grantsLoopback(config.grants)
  const watched = [refuseUpgrade(), counted] as const
  const recognised = [...watched, authenticate({ ...proofs, loopback })] as const
  const limited = rateLimit({ ...rules, stage: 'after-authentication' })

  // Open WebUI, for what is not ours; behind single sign-on, for people with a role.
  const toWebui = webuiStages(config, platform, state, [
    ...people.webui,
    limited,
    requireRole(policy),
  ])

  // The API of models: a proven caller with a role, within their limits, on the ledger.
  const callers = [
    cors(policy),
    ...recognised,
    requireCaller(),
    refuseForeignPages(allowedHosts, letsOriginIn(policy)),
    models.metered,
    limited,
    requireRole(policy),
  ]
  models.routes(app, callers)
  models.ollama(
    app,
    '/ollama/api',
    toWebui ? [besideWebui(every(...toWebui)), ...callers] : callers,
  )
  if (!webui) {
    models.ollama(app, '/api', callers)
    // Clients look whether a server is there before they ask it for anything.
    app.on('GET', ['/ollama', '/ollama/'], ...callers, (c) => c.text('Ollama is running'))
  }

  // Our own API, which is also what our pages ask.
  people.routes(app)
  const own = [
    ...watched,
    authenticate({
      ...proofs,
      loopback,
      sessions: people.sessions,
      codeNeeded: proofs.codes.needed,
    }),
    requireCaller(),
    refuseForeignPages(allowedHosts, () => false),
    limited,
    requireRole(policy),
  ]
  for (const { method, path, handle } of management(config, platform, state)) {
    app.on(method, [path], ...own, handle)
  }

  // Our own pages, where people can also try a model.
  const visitors = [refuseUpgrade(), ...people.dashboard]
  const admitted = [limited, requireRole(policy)]
  createDashboard(config, platform, state).routes(app, [...visitors, ...admitted])
  for (const operation of ['chat/completions', 'messages', 'embeddings']) {
    models.also(app, `/ui/v1/${operation}`, [...visitors, models.metered, ...admitted])
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
  for (const path of ours) {
    app.all(path, () => fail(new Failure('not_found', 'There is nothing here.')))
  }
  for (const name of managing) {
    const paths = [`/api/${name}`, ...(webui ? [] : [`/ollama/api/${name}`])]
    app.on('ALL', paths, () =>
      fail(
        new Failure('not_found', 'Models are managed on their server, not through the gateway.'),
      ),
    )
  }

  // Everything else: Open WebUI, or our own pages.
  if (toWebui) {
    app.on('ALL', ['*'], ...toWebui)
  } else {
    app.get('/', hostCheck(allowedHosts), (c) => c.redirect('/ui', 303))
    app.all('*', (c) => fail(new Failure('not_found', nothingHere(c.req.path))))
  }
  return app
}

/**
 * What anyone may know of it: neither port nor reason. Without the Redis a gateway serves everything and counts alone, and
 * so do all others: taking each of them out of service would leave none.
 */
const degradedIn =
  ({ forwards }: State, { shared }: Pick<Platform, 'shared'>) =>
  (): Degraded[] => [
    ...forwards.astray().map(({ listener }) => ({
      part: 'identity',
      detail: `listener "${listener}" believes no identity: tailscaled leads others to it, too`,
    })),
    ...(shared?.trouble() === undefined
      ? []
      : [{ part: 'redis', detail: 'this gateway counts limits and wrong credentials alone' }]),
  ]

/** @param people what stands before an Open WebUI that has no login of its own */
const webuiStages = (
  config: Config,
  { send, clock, log }: Platform,
  { open, tunnels }: State,
  people: readonly MiddlewareHandler<Env>[],
): MiddlewareHandler<Env>[] | undefined => {
  const { webui, allowedHosts, limits } = config
  if (!webui) return undefined
  const sso = webui.sso === 'trusted-header'
  const identity = sso ? createWebuiIdentity({ ...config, headers: webui.headers }) : undefined
  return [
    requireShown(webui),
    ...(sso ? people : []),
    webuiProxy({ webui, allowedHosts, send, clock, log, limits, open, tunnels, identity }),
  ]
}

const ours = ['/postern/*', '/aperture/*', '/metrics', '/ui', '/ui/*']
/** Paths below `/api` by which a model server lets every client pull, build and delete models. They lead nowhere here. */
const managing = ['pull', 'push', 'create', 'copy', 'delete', 'blobs/*']
