import type { Context, Hono, MiddlewareHandler } from 'hono'
import { keepCaptures } from './capture/keep.ts'
import type { Config } from './config/config.ts'
import { notHere } from './dialect/not-here.ts'
import { type Operation, operations } from './dialect/operations.ts'
import { RESOURCE } from './dialect/resources.ts'
import { readAnswer } from './hooks/answer/read.ts'
import { redactAll } from './hooks/redact/redact.ts'
import { runHooks } from './hooks/run-hooks.ts'
import { check } from './http/check.ts'
import type { Env } from './http/env.ts'
import { Failure, fail } from './http/errors.ts'
import { methodNotAllowed } from './http/guards.ts'
import { telling } from './live.ts'
import { counting } from './metrics/observe.ts'
import type { Platform } from './platform.ts'
import { authorizeTarget } from './policy/guards.ts'
import { logDropped } from './proxy/dropped-headers.ts'
import { takeResource } from './proxy/resources.ts'
import { reverseProxy } from './proxy/reverse-proxy.ts'
import { readTarget } from './proxy/target.ts'
import { enforceQuotas, settling } from './quota/enforce.ts'
import { shownToHooks } from './quota/show.ts'
import { rememberIds } from './responses/remember-ids.ts'
import { routeStored } from './responses/route-stored.ts'
import { readStoredCall, storedCalls } from './responses/stored-calls.ts'
import type { State } from './state.ts'
import { createCredential } from './upstream/credential/credential.ts'
import { createTokens } from './upstream/credential/tokens.ts'
import { findRoute } from './upstream/find.ts'
import { joinBase } from './upstream/join.ts'
import { listGeminiModels, listModels, showGeminiModel, showModel } from './upstream/models.ts'
import { ollamaRoutes } from './upstream/ollama-api.ts'
import { route } from './upstream/route.ts'
import { requireSpoken } from './upstream/spoken.ts'
import { unnamed } from './upstream/unnamed.ts'
import { unpacked } from './upstream/unpacked.ts'
import { meter } from './usage/meter.ts'

type Stage = MiddlewareHandler<Env>

/** The API of models, for callers who are proven, within their limits and have a role. */
export interface ModelsApi {
  /** Opens a line in the ledger: before the first refusal that belongs there. */
  readonly metered: Stage
  /** Every path of it. @param guards what stands before each */
  routes(app: Hono<Env>, guards: readonly Stage[]): void
  /** Ollama's API below a path. */
  ollama(app: Hono<Env>, below: '/ollama/api' | '/api', guards: readonly Stage[]): void
  /** One operation at one more path. */
  also(app: Hono<Env>, path: string, guards: readonly Stage[]): void
}

/** Where Aperture serves the tools of its connectors. */
const noConnectors =
  'Postern has no connectors yet, so no MCP server is here. Point the client at the MCP server itself.'

export const createModelsApi = (config: Config, platform: Platform, state: State): ModelsApi => {
  const { limits } = config
  const { clock, log, inflate, waitUntil } = platform
  const send = unpacked(platform.send, inflate)
  const { registry, open, admit, tried, quotas, metrics, responses, quirks } = state
  const credential = createCredential(createTokens(platform))
  const budgets = enforceQuotas({ ...config, ledger: quotas, platform })
  const shown = shownToHooks(quotas, config.quotas)
  const hooks = runHooks({ ...platform, ...state, config, state: state.hooks, quotas: shown })
  const captures = keepCaptures({ ...platform, config, read: readAnswer, redact: redactAll(clock) })

  const dropped = logDropped(config.log.level, log)

  const isResponses = (operation: string) => operation.split('/')[0] === 'responses'
  const proxy = reverseProxy({
    send,
    clock,
    log,
    limits,
    open,
    join: joinBase,
    credential,
    quirks,
    admit,
    tried,
  })

  const resource = takeResource({ registry, limits, memory: state.bodies, ...platform })
  /** What a provider keeps for its account, for callers who may use it; else this refusal. */
  const resourceOr = (refusal: (c: Context<Env>) => Failure): readonly Stage[] => [
    check(function resourceOr(c) {
      return resource(c, refusal(c))
    }),
    budgets,
    hooks,
    captures,
    dropped,
    proxy,
  ]

  const ofResources: Stage = (c, next) =>
    c.get('target').operation.operation === RESOURCE ? hooks(c, next) : next()

  const serve = (operation: Operation): readonly Stage[] => [
    readTarget({ operation, limits, memory: state.bodies, ...platform }),
    requireSpoken(registry, operation.named !== undefined),
    authorizeTarget({
      find: findRoute(registry, operation.named !== undefined),
      findUnnamed: (...known) => unnamed(registry.providers(), ...known),
    }),
    ...(isResponses(operation.operation) ? [routeStored(responses)] : []),
    budgets,
    hooks,
    captures,
    ...(operation.operation === 'responses'
      ? [rememberIds({ stored: responses, clock, waitUntil })]
      : []),
    dropped,
    proxy,
  ]

  return {
    metered: meter({
      ...config,
      ...platform,
      named: (model, { dialect, named }) => {
        const found = route(registry.providers(), model, dialect, named !== undefined)
        return (found.candidates[0] ?? found.none?.inTheWay[0])?.model ?? null
      },
      store: telling(counting(settling(platform.store, quotas), metrics), state.live),
    }),
    routes: (app, guards) => {
      for (const operation of operations.filter(({ dialect }) => dialect !== 'ollama')) {
        for (const path of operation.paths) {
          app.on('POST', [path], ...guards, ...serve(operation))
          app.on('ALL', [path], ...guards, ...resourceOr(() => methodNotAllowed(['POST'])))
        }
      }
      for (const call of storedCalls) {
        const path = `/v1/responses/:id${call.suffix}`
        const read = readStoredCall({
          call,
          stored: responses,
          registry,
          limits,
          waitUntil,
          otherwise: resource,
        })
        app.on(call.method, [path], ...guards, read, budgets, ofResources, captures, dropped, proxy)
      }
      for (const suffix of ['', '/cancel', '/input_items']) {
        const methods = storedCalls
          .filter((call) => call.suffix === suffix)
          .map((call) => call.method)
        app.on('ALL', [`/v1/responses/:id${suffix}`], ...guards, () =>
          fail(methodNotAllowed(methods)),
        )
      }
      for (const path of ['/v1/models', '/models'] as const) {
        app.on('GET', [path], ...guards, listModels(registry, platform))
        app.on('GET', [`${path}/:model{.+}`], ...guards, showModel(registry, platform))
      }
      for (const path of ['/v1beta/models', '/v1alpha/models']) {
        app.on('GET', [path], ...guards, listGeminiModels(registry))
        app.on('GET', [`${path}/:model{.+}`], ...guards, showGeminiModel(registry))
      }
      for (const path of ['/v1/mcp', '/v1/mcp/*']) {
        app.on('ALL', [path], ...guards, () => fail(new Failure('not_found', noConnectors)))
      }
      for (const path of ['/v1', '/v1alpha', '/v1beta', '/v1beta1', '/bedrock'].flatMap((each) => [
        each,
        `${each}/*`,
      ])) {
        const refusal = (c: Context<Env>) => new Failure('not_found', notHere(c.req.path))
        app.on('ALL', [path], ...guards, ...resourceOr(refusal))
      }
    },
    ollama: (app, below, guards) => {
      const only = (path: string, method: string) =>
        app.on('ALL', [path], ...guards, () => fail(methodNotAllowed([method])))
      for (const { method, name, handle } of ollamaRoutes({ registry, send, limits })) {
        app.on(method, [`${below}/${name}`], ...guards, handle)
        only(`${below}/${name}`, method)
      }
      for (const operation of operations.filter(({ dialect }) => dialect === 'ollama')) {
        const path = `${below.slice(0, -'/api'.length)}/${operation.operation}`
        app.on('POST', [path], ...guards, ...serve(operation))
        only(path, 'POST')
      }
    },
    also: (app, path, guards) => {
      const operation = operations.find(({ paths }) => path.endsWith(paths[0] ?? path))
      if (!operation) throw new RangeError(`${path} is no operation`)
      app.on('POST', [path], ...guards, ...serve(operation))
    },
  }
}
