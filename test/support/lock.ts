import { Hono } from 'hono'
import type {
  AuthFailuresConfig,
  ListenerConfig,
  RateLimitConfig,
  UserConfig,
} from '../../src/config/config.ts'
import type { Env } from '../../src/gateway/http/env.ts'
import { findClient } from '../../src/gateway/http/guards/client-address.ts'
import { foreignPage } from '../../src/gateway/http/guards/foreign-page.ts'
import { authenticate, provesItself } from '../../src/gateway/identity/authenticate.ts'
import { createCredentialCache } from '../../src/gateway/identity/credential-cache.ts'
import { requireCaller } from '../../src/gateway/identity/require-caller.ts'
import { createPasswordScheme } from '../../src/gateway/identity/schemes/password.ts'
import { attemptGate, authFailures } from '../../src/gateway/ratelimit/auth-failures.ts'
import { createBans } from '../../src/gateway/ratelimit/bans.ts'
import { createFailures } from '../../src/gateway/ratelimit/failures.ts'
import { createLimiter } from '../../src/gateway/ratelimit/limits.ts'
import { rateLimit } from '../../src/gateway/ratelimit/rate-limit.ts'
import { refuseBanned } from '../../src/gateway/ratelimit/refuse-banned.ts'
import { Failure } from '../../src/platform/failure.ts'
import type { LogFields, PasswordVerifier, Shared, Store } from '../../src/platform/platform.ts'
import { fakeClock } from './clock.ts'
import { memoryStore } from './store.ts'
import { fakeHash, fakeVerifier } from './verifier.ts'

export interface LockOptions {
  readonly users?: Readonly<Record<string, string>>
  readonly authFailures?: Partial<AuthFailuresConfig>
  readonly rateLimits?: readonly RateLimitConfig[]
  readonly trustedProxies?: readonly string[]
  readonly loopback?: boolean
  readonly passwords?: PasswordVerifier
  readonly store?: Store
  readonly shared?: Shared
}

export interface Knock {
  readonly peer?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface LogLine {
  readonly level: string
  readonly evt: string
  readonly fields: LogFields
}

/**
 * The stages of a request from the address to the proven caller, in the order of `src/app/app.ts`, on fake time and
 * with checks that cost nothing. `/v1/me` says who the caller is, `/v1/upstream` answers 401 on its own account,
 * `/optional` wants no caller, `/open` does not even ask.
 */
export const openLock = (options: LockOptions = {}) => {
  const clock = fakeClock()
  const verifier = fakeVerifier()
  const memory = memoryStore()
  const store = options.store ?? memory
  const log: LogLine[] = []
  const background: Promise<unknown>[] = []
  const mark = async (text: string) => `mark of ${text}`
  let ids = 0
  const platform = {
    clock,
    store,
    passwords: options.passwords ?? verifier,
    newId: () => `id-${++ids}`,
    fingerprint: (secret: string) => `digest of ${secret}`,
    log: (level: string, evt: string, fields: LogFields = {}) =>
      void log.push({ level, evt, fields }),
    waitUntil: (work: Promise<unknown>) => void background.push(work),
    shared: options.shared,
  }
  const state = {
    bans: createBans(platform),
    failures: createFailures(platform),
    limiter: createLimiter(clock),
    cache: createCredentialCache(platform),
  }
  const listener: ListenerConfig = {
    name: 'local',
    bind: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    identity: 'none',
    hopSecret: undefined,
    trustedProxies: options.trustedProxies ?? [],
  }

  /** What a reload does: a new app of the same state. */
  const appFor = (changed: LockOptions): Hono<Env> => {
    const { bans, failures, limiter, cache } = state
    const config = { max: 5, window: 600_000, ban: 900_000, maxBan: 86_400_000 }
    const section = { ...config, ...changed.authFailures }
    const passwords = createPasswordScheme({
      ...platform,
      cache,
      users: usersOf(changed.users ?? {}),
      attempts: attemptGate(failures, bans, section),
      mark,
    })
    const proofs = {
      passwords,
      mark,
      fingerprint: platform.fingerprint,
      foreignPage: foreignPage([], () => false),
      loopback: changed.loopback ?? false,
    }
    const rules = { limiter, platform, rules: changed.rateLimits ?? [] }
    const app = new Hono<Env>()
    app.onError(answer)
    app.use(async (c, next) => {
      c.set('requestId', platform.newId())
      await next()
    })
    app.use(findClient())
    app.use(refuseBanned({ bans, platform, exempt: provesItself(proofs) }))
    app.use(rateLimit({ ...rules, stage: 'before-authentication' }))
    const known = [
      authFailures({ failures, bans, platform, config: section }),
      authenticate(proofs),
    ] as const
    const proven = [
      ...known,
      requireCaller(),
      rateLimit({ ...rules, stage: 'after-authentication' }),
    ] as const
    app.get('/v1/upstream', ...proven, (c) => c.text('the provider refuses', 401))
    app.all('/open', (c) => c.text('open'))
    app.all('/optional', ...known, (c) => c.text(c.var.auth.caller?.login ?? 'nobody'))
    app.all('*', ...proven, (c) => c.json(c.var.auth.caller))
    return app
  }
  let app = appFor(options)

  const knock = async ({ peer = '203.0.113.7', path = '/v1/me', headers, signal }: Knock = {}) =>
    app.request(
      path,
      { headers: { ...headers }, signal: signal ?? null },
      { listener, peer, framing: { target: { path, search: '' } } },
    )

  return {
    clock,
    verifier,
    store: memory,
    log,
    background,
    state,
    knock,
    /** One guess with Basic. */
    login: (user: string, password: string, more: Knock = {}) =>
      knock({ ...more, headers: { ...more.headers, ...basic(user, password) } }),
    reload: (changed: LockOptions) => {
      app = appFor({ ...options, ...changed })
    },
    logged: (evt: string) => log.filter((line) => line.evt === evt),
  }
}

export const basic = (user: string, password: string): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

const usersOf = (users: Readonly<Record<string, string>>): Map<string, UserConfig> =>
  new Map(
    Object.entries(users).map(([name, password]) => [
      name,
      {
        password: password.startsWith('$2') ? password : fakeHash(password),
        login: name,
        groups: [],
      },
    ]),
  )

const answer = (error: Error): Response => {
  if (!(error instanceof Failure)) throw error
  const { code, message } = error
  return Response.json(
    { error: { code, message } },
    { status: error.status, headers: error.headers },
  )
}
