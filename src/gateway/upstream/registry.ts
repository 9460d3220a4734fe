import type { Config, ProviderConfig } from '../../config/config.ts'
import type { Clock, Log } from '../../platform/platform.ts'
import type { Dialect, ModelDetails, Provider, Send } from '../../platform/upstream.ts'
import { spellingsOf } from '../dialect/model-tags.ts'
import { demoProvider } from './demo.ts'
import { discoverServers, type FoundServer } from './discover.ts'
import { versionIn } from './join.ts'
import { type AskedModels, askModels } from './probe/ask-models.ts'
import { compact } from './probe/describe.ts'
import { canBeAsked, type ListAnswer } from './probe/list-models.ts'

/** The providers in force. */
export interface Registry {
  /** The same array until something changes: cheap, for every request. */
  providers(): readonly Provider[]
  /**
   * Looks now, and from then on at intervals. Resolves after the first look or a bounded time, so that a provider that
   * is down holds up no start; never rejects.
   */
  start(): Promise<void>
  stop(): void
  /** Looks now, unless a look is under way already, which then serves. Never rejects. */
  refresh(): Promise<void>
  /** Takes a new configuration: in force at once with what is known, and looked after. */
  update(config: Config): Promise<void>
  /**
   * For a model nobody lists: it may be new. Looks once, waits a bounded time, and says whether asking again is worth
   * it. At most one look per ten seconds, however many ask.
   */
  lookAgain(): Promise<boolean>
}

export interface RegistryPlatform {
  readonly send: Send
  readonly clock: Clock
  readonly log: Log
}

export interface RegistryOptions {
  /** Where to look for model servers; default: the usual ports. */
  readonly ports?: readonly number[]
}

/** ms between looks: a new server should be found while its owner watches. */
const whileDemo = 10_000
const settled = 60_000
/** ms that a start or a request may wait for a look, and ms between two looks that requests ask for. */
const patience = 1_500
const lookEvery = 10_000
/** Looks in which a found server may be silent before it is taken for gone: busy is not gone. */
const patienceLooks = 3

export const createRegistry = (
  platform: RegistryPlatform,
  config: Config,
  options: RegistryOptions = {},
): Registry => new ModelRegistry(platform, config, options)

interface Sighting {
  readonly server: FoundServer
  readonly missed: number
}

class ModelRegistry implements Registry {
  readonly #platform: RegistryPlatform
  readonly #options: RegistryOptions
  #config: Config
  #providers: readonly Provider[] = []
  /** Last good answers, by provider: kept until there is a better one. */
  readonly #asked = new Map<string, AskedModels>()
  #sightings: readonly Sighting[] = []
  #look: Promise<void> | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined
  #running: boolean = false

  constructor(platform: RegistryPlatform, config: Config, options: RegistryOptions) {
    this.#config = config
    this.#platform = platform
    this.#options = options
    this.#publish()
  }

  providers(): readonly Provider[] {
    return this.#providers
  }

  async start(): Promise<void> {
    this.#running = true
    await settledWithin(
      this.refresh().then(() => this.#schedule()),
      patience,
    )
  }

  stop(): void {
    this.#running = false
    clearTimeout(this.#timer)
  }

  refresh(): Promise<void> {
    this.#look ??= this.#lookNow().finally(() => {
      this.#look = undefined
    })
    return this.#look
  }

  async update(config: Config): Promise<void> {
    this.#config = config
    this.#publish()
    // A look under way is about the configuration before; its end makes room for one about this.
    await this.#look
    await this.refresh()
  }

  async lookAgain(): Promise<boolean> {
    if (!this.#look && this.#platform.clock.elapsed() - this.#lookedAt < lookEvery) return false
    const before = this.#providers
    await settledWithin(this.refresh(), patience)
    return this.#providers !== before
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (!this.#running) return
    const wait = this.#providers.includes(demoProvider) ? whileDemo : settled
    this.#timer = setTimeout(() => void this.refresh().then(() => this.#schedule()), wait)
  }

  async #lookNow(): Promise<void> {
    this.#lookedAt = this.#platform.clock.elapsed()
    const config = this.#config
    try {
      if (config.providers.size === 0) await this.#discover(config)
      else await Promise.all([...config.providers].map((entry) => this.#ask(entry)))
    } catch (error) {
      this.#platform.log('error', 'providers.look', { reason: String(error) })
    }
  }

  async #discover(config: Config): Promise<void> {
    const own = config.listeners.flatMap(({ bind }) => (bind.kind === 'tcp' ? [bind.port] : []))
    const found = await discoverServers({
      send: this.#platform.send,
      now: this.#platform.clock.now,
      skipPorts: own,
      ...this.#options,
    })
    const silent = this.#sightings.filter(({ server }) =>
      found.every(({ port }) => port !== server.port),
    )
    this.#logNews(found)
    this.#sightings = [
      ...found.map((server) => ({ server, missed: 0 })),
      ...silent
        .map(({ server, missed }) => ({ server, missed: missed + 1 }))
        .filter(({ missed }) => missed < patienceLooks),
    ]
    this.#publish()
  }

  #logNews(found: readonly FoundServer[]): void {
    for (const { name, port, models } of found) {
      if (this.#sightings.some(({ server }) => server.port === port)) continue
      this.#platform.log('info', 'providers.found', { server: name, port, models: models.length })
    }
  }

  async #ask([id, config]: readonly [string, ProviderConfig]): Promise<void> {
    if (config.disabled || !canBeAsked(config)) return
    const { send, clock, log } = this.#platform
    const key = keyOf(id, config)
    const known = this.#asked.get(key)
    const provider = configured(id, config, known)
    const { asked, tried } = await askModels(send, provider, clock.now(), known)
    if (!asked) {
      if (!known) log('warn', 'providers.models_unknown', { provider: id, reason: reasonOf(tried) })
      return
    }
    this.#asked.set(key, asked)
    this.#publish()
  }

  #publish(): void {
    const { providers } = this.#config
    if (providers.size > 0) {
      this.#providers = [...providers].map(([id, config]) =>
        configured(id, config, this.#asked.get(keyOf(id, config))),
      )
      return
    }
    const found = discovered(this.#sightings.map(({ server }) => server))
    this.#providers = found.some(({ models }) => models.length > 0) ? found : [demoProvider]
  }
}

/** For the log: `GET http://h/v1/models: 404; GET http://h/models: 200 and no list of models`. */
const reasonOf = (tried: readonly ListAnswer[]): string =>
  tried
    .map(({ request: { origin, path }, answer, error }) => {
      const outcome = answer?.status === 200 ? '200 and no list of models' : answer?.status
      return `GET ${origin}${path}: ${outcome ?? String(error)}`
    })
    .join('; ')

/** An answer belongs to the address that gave it. */
const keyOf = (id: string, { baseurl, version }: ProviderConfig): string =>
  `${id} ${baseurl} ${version ?? '-'}`

function configured(id: string, config: ProviderConfig, asked: AskedModels | undefined): Provider {
  const whole = config.models.length === 0 || config.models.includes('*')
  const models = whole ? (asked?.models ?? []) : config.models
  const versions = versionsOf(config, asked)
  return {
    id,
    name: config.name,
    description: config.description,
    baseurl: config.baseurl,
    models,
    apikey: config.apikey,
    ...(config.serviceAccount && { serviceAccount: config.serviceAccount }),
    authorization: config.authorization,
    authMode: config.authMode,
    dialects: dialectsOf(config, asked),
    dialectsGiven: config.dialectsGiven,
    undecided: !config.dialectsGiven && asked === undefined,
    ...(config.version !== undefined && { version: config.version }),
    ...(versions && { versions }),
    traceContext: config.traceContext,
    addHeaders: config.addHeaders,
    preference: config.preference,
    disabled: config.disabled,
    geminiByVertex: config.geminiByVertex,
    limits: config.limits,
    otherModels: config.otherModels,
    streamOptions: config.streamOptions,
    prices: config.prices,
    modelCostMap: config.modelCostMap,
    ...(config.costBasis !== undefined && {
      costBasis: config.costBasis,
      costBasisInferred: config.costBasisInferred,
    }),
    ...(config.upstream !== '' && { upstream: config.upstream }),
    details: detailsOf(config, models, asked),
    ...(asked?.server !== undefined && { server: asked.server }),
    ...(asked?.serverVersion !== undefined && { serverVersion: asked.serverVersion }),
  }
}

/** Those of the recognised server where the configuration gives none. */
const dialectsOf = (
  { dialectsGiven, dialects }: ProviderConfig,
  asked: AskedModels | undefined,
): ReadonlySet<Dialect> => (dialectsGiven || !asked?.dialects ? dialects : new Set(asked.dialects))

/** What replaces the dialects' usual versions at this base; undefined: nothing. */
const versionsOf = (
  { version, baseurl }: ProviderConfig,
  asked: AskedModels | undefined,
): Provider['versions'] => {
  if (version !== undefined) return everyVersion(version)
  if (asked) return asked.version === asked.usual ? undefined : { [asked.usual]: asked.version }
  return versionIn(baseurl) === 'within' ? everyVersion('') : undefined
}

const everyVersion = (version: string) => ({
  v1: version,
  v1alpha: version,
  v1beta: version,
  v1beta1: version,
})

/** What the provider told, under what its owner says. */
const detailsOf = (
  { contextLength, maxOutputTokens }: ProviderConfig,
  models: readonly string[],
  asked: AskedModels | undefined,
): ReadonlyMap<string, ModelDetails> =>
  new Map(
    models.map((model) => {
      const names = asked?.server === 'ollama' ? spellingsOf(model) : [model]
      const first = <Value>(of: ReadonlyMap<string, Value>) =>
        names.map((name) => of.get(name)).find((value) => value !== undefined)
      return [
        model,
        {
          ...(asked && first(asked.details)),
          ...compact({
            contextLength: first(contextLength) ?? contextLength.get('*'),
            maxOutputTokens: first(maxOutputTokens) ?? maxOutputTokens.get('*'),
          }),
        },
      ]
    }),
  )

/** One provider per server, named after its kind; the second of a kind carries its port as well. */
function discovered(servers: readonly FoundServer[]): Provider[] {
  return servers.map((server, i) => {
    const first = servers.findIndex(({ kind }) => kind === server.kind) === i
    return {
      id: first ? server.kind : `${server.kind}-${server.port}`,
      name: server.name,
      baseurl: server.baseurl,
      models: server.models,
      apikey: '',
      authorization: 'bearer',
      authMode: 'none',
      dialects: server.dialects,
      addHeaders: [],
      preference: 0,
      disabled: false,
      server: server.kind,
      ...(server.version !== undefined && { serverVersion: server.version }),
      details: server.details,
    }
  })
}

function settledWithin(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    void work.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
