import type { Context, Hono, MiddlewareHandler } from 'hono'
import type { Config } from '../config/config.ts'
import { RESOURCE } from '../config/resources.ts'
import { keepCaptures } from '../gateway/capture/keep.ts'
import { notHere } from '../gateway/dialect/not-here.ts'
import { type Operation, operations } from '../gateway/dialect/operations.ts'
import { readAnswer } from '../gateway/hooks/answer/read.ts'
import { redactAll } from '../gateway/hooks/redact/redact.ts'
import { runHooks } from '../gateway/hooks/run-hooks.ts'
import { chain, check } from '../gateway/http/check.ts'
import type { Env } from '../gateway/http/env.ts'
import { methodNotAllowed } from '../gateway/http/guards/guards.ts'
import { authorizeTarget } from '../gateway/policy/guards.ts'
import { logDropped } from '../gateway/proxy/dropped-headers.ts'
import { takeResource } from '../gateway/proxy/resources.ts'
import { reverseProxy } from '../gateway/proxy/reverse-proxy.ts'
import { readTarget } from '../gateway/proxy/target.ts'
import { enforceQuotas } from '../gateway/quota/enforce.ts'
import { shownToHooks } from '../gateway/quota/show.ts'
import { rememberIds } from '../gateway/responses/remember-ids.ts'
import { routeStored } from '../gateway/responses/route-stored.ts'
import { readStoredCall, type StoredCall, storedCalls } from '../gateway/responses/stored-calls.ts'
import { createCredential } from '../gateway/upstream/credential/credential.ts'
import { createTokens } from '../gateway/upstream/credential/tokens.ts'
import { joinBase } from '../gateway/upstream/join.ts'
import {
  listGeminiModels,
  listModels,
  showGeminiModel,
  showModel,
} from '../gateway/upstream/models.ts'
import { ollamaRoutes } from '../gateway/upstream/ollama-api.ts'
import { findRoute } from '../gateway/upstream/routing/find.ts'
import { requireDialect } from '../gateway/upstream/routing/require-dialect.ts'
import { route } from '../gateway/upstream/routing/route.ts'
import { unnamed } from '../gateway/upstream/routing/unnamed.ts'
import { unpacked } from '../gateway/upstream/unpacked.ts'
import { meter } from '../gateway/usage/meter.ts'
import { Failure, fail } from '../platform/failure.ts'
import type { Platform } from '../platform/platform.ts'
import type { Send } from '../platform/upstream.ts'
import { recorder } from './record.ts'
import type { State } from './state.ts'

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
  const { registry } = state
  const send = unpacked(platform.send, platform.inflate)
  const stages = createServing(config, platform, state, send)
  const { serve, stored } = stages
  return {
    metered: meter({
      ...config,
      ...platform,
      named: (model, { dialect, named }) => {
        const found = route(registry.providers(), model, dialect, named !== undefined)
        return (found.candidates[0] ?? found.none?.inTheWay[0])?.model ?? null
      },
      store: recorder(platform.store, state),
    }),
    routes: (app, guards) => {
      mountOperations(app, guards, stages)
      for (const call of storedCalls) {
        const path = `/v1/responses/:id${call.suffix}`
        app.on(call.method, [path], ...chain(...guards, ...stored(call)))
      }
      mountLists(app, guards, registry, platform)
      mountRefusals(app, guards, stages)
    },
    ollama: (app, below, guards) => {
      const options = { registry, send, limits: config.limits }
      for (const { method, name, handle } of ollamaRoutes(options)) {
        app.on(method, [`${below}/${name}`], ...chain(...guards, handle))
        only(app, `${below}/${name}`, method, guards)
      }
      mountOllama(app, below, guards, stages)
    },
    also: (app, path, guards) => {
      const operation = operations.find(({ paths }) => path.endsWith(paths[0] ?? path))
      if (!operation) throw new RangeError(`${path} is not an operation`)
      app.on('POST', [path], ...chain(...guards, ...serve(operation)))
    },
  }
}

/** What a request for a model passes once it is let in, by what it asks for. */
const createServing = (config: Config, platform: Platform, state: State, send: Send) => {
  const { limits } = config
  const { clock, log, waitUntil } = platform
  const { registry, quotas, responses, bodies: memory } = state
  const credential = createCredential(createTokens(platform))
  const proxy = reverseProxy({ ...state, send, clock, log, limits, join: joinBase, credential })
  const budgets = enforceQuotas({ ...config, ledger: quotas, platform })
  const shown = shownToHooks(quotas, config.quotas)
  const hooks = runHooks({ ...platform, ...state, config, state: state.hooks, quotas: shown })
  const captures = keepCaptures({ ...platform, config, read: readAnswer, redact: redactAll(clock) })
  const sending = [logDropped(config.log.level, log), proxy]
  const isResponses = (operation: string) => operation.split('/')[0] === 'responses'
  const resource = takeResource({ registry, limits, memory, ...platform })
  const ofResources: Stage = (c, next) =>
    c.get('target').operation.operation === RESOURCE ? hooks(c, next) : next()
  return {
    /** An operation of a dialect. */
    serve: (operation: Operation): readonly Stage[] => [
      readTarget({ operation, limits, memory, ...platform }),
      requireDialect(registry, operation.named !== undefined),
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
      ...sending,
    ],
    /** A response that a provider keeps. */
    stored: (call: StoredCall): readonly Stage[] => [
      readStoredCall({ call, stored: responses, registry, limits, waitUntil, otherwise: resource }),
      budgets,
      ofResources,
      captures,
      ...sending,
    ],
    /** What a provider keeps for its account, for callers who may use it; else this refusal. */
    resourceOr: (refusal: (c: Context<Env>) => Failure): readonly Stage[] => [
      check(function resourceOr(c) {
        return resource(c, refusal(c))
      }),
      budgets,
      hooks,
      captures,
      ...sending,
    ],
  }
}

interface Stages {
  readonly serve: (operation: Operation) => readonly Stage[]
  readonly resourceOr: (refusal: (c: Context<Env>) => Failure) => readonly Stage[]
}

type Guards = readonly Stage[]

/** Every operation of every dialect, at each of its paths. */
const mountOperations = (app: Hono<Env>, guards: Guards, { serve, resourceOr }: Stages): void => {
  for (const operation of operations.filter(({ dialect }) => dialect !== 'ollama')) {
    for (const path of operation.paths) {
      app.on('POST', [path], ...chain(...guards, ...serve(operation)))
      app.on('ALL', [path], ...chain(...guards, ...resourceOr(() => methodNotAllowed(['POST']))))
    }
  }
}

const mountLists = (
  app: Hono<Env>,
  guards: Guards,
  registry: State['registry'],
  platform: Platform,
): void => {
  for (const path of ['/v1/models', '/models'] as const) {
    app.on('GET', [path], ...chain(...guards, listModels(registry, platform)))
    app.on('GET', [`${path}/:model{.+}`], ...chain(...guards, showModel(registry, platform)))
  }
  for (const path of ['/v1beta/models', '/v1alpha/models']) {
    app.on('GET', [path], ...chain(...guards, listGeminiModels(registry)))
    app.on('GET', [`${path}/:model{.+}`], ...chain(...guards, showGeminiModel(registry)))
  }
}

/** What is left below the paths of the API: resources of providers, and refusals that say what is there. */
const mountRefusals = (app: Hono<Env>, guards: Guards, { resourceOr }: Stages): void => {
  for (const suffix of ['', '/cancel', '/input_items']) {
    const methods = storedCalls.filter((call) => call.suffix === suffix).map(({ method }) => method)
    const refuse = () => fail(methodNotAllowed(methods))
    app.on('ALL', [`/v1/responses/:id${suffix}`], ...chain(...guards, refuse))
  }
  for (const path of ['/v1/mcp', '/v1/mcp/*']) {
    const refuse = () => fail(new Failure('not_found', noConnectors))
    app.on('ALL', [path], ...chain(...guards, refuse))
  }
  const refusal = (c: Context<Env>) => new Failure('not_found', notHere(c.req.path))
  for (const path of ['/v1', '/v1alpha', '/v1beta', '/v1beta1', '/bedrock']) {
    for (const each of [path, `${path}/*`]) {
      app.on('ALL', [each], ...chain(...guards, ...resourceOr(refusal)))
    }
  }
}

const mountOllama = (
  app: Hono<Env>,
  below: '/ollama/api' | '/api',
  guards: Guards,
  { serve }: Stages,
): void => {
  for (const operation of operations.filter(({ dialect }) => dialect === 'ollama')) {
    const path = `${below.slice(0, -'/api'.length)}/${operation.operation}`
    app.on('POST', [path], ...chain(...guards, ...serve(operation)))
    only(app, path, 'POST', guards)
  }
}

/** Any other method is refused with the one that would do. */
const only = (app: Hono<Env>, path: string, method: string, guards: Guards): void => {
  app.on('ALL', [path], ...chain(...guards, () => fail(methodNotAllowed([method]))))
}
