import type { Context, Hono, MiddlewareHandler } from 'hono'
import { createAudit } from '../admin/api/audit.ts'
import type { Config } from '../config/config.ts'
import type { Env } from '../gateway/http/env.ts'
import { hostCheck } from '../gateway/http/guards/host-check.ts'
import { isForPrograms } from '../gateway/http/guards/program-paths.ts'
import { requireOwnPages, requireSameOrigin } from '../gateway/http/guards/same-origin.ts'
import { pagesForPeople, showPage } from '../gateway/http/page.ts'
import { authenticate, provesItself, sessionOf } from '../gateway/identity/authenticate.ts'
import { showLogin, signIn, signOut } from '../gateway/identity/login/login.ts'
import { explain, logoutPage } from '../gateway/identity/login/pages.ts'
import {
  inviteToLogin,
  renewSession,
  requirePerson,
} from '../gateway/identity/login/require-person.ts'
import { loginPath, logoutPath } from '../gateway/identity/login/return-path.ts'
import { requireCaller } from '../gateway/identity/require-caller.ts'
import { createSessionScheme, type SessionScheme } from '../gateway/identity/schemes/session.ts'
import { isPreflight } from '../gateway/policy/cors.ts'
import { grantsLoopback } from '../gateway/policy/guards.ts'
import type { Bans } from '../gateway/ratelimit/bans.ts'
import { refuseBanned } from '../gateway/ratelimit/refuse-banned.ts'
import type { Platform } from '../platform/platform.ts'
import type { Change } from '../platform/records/act.ts'
import type { CredentialSchemes } from './credentials.ts'
import type { State } from './state.ts'

export interface SignInOptions {
  readonly config: Config
  readonly platform: Platform
  readonly schemes: CredentialSchemes
  readonly ended: State['endedSessions']
  readonly bans: Bans
  /** Stands around every check of a credential. */
  readonly failures: MiddlewareHandler<Env>
}

type Guards = readonly MiddlewareHandler<Env>[]

/** For people with a browser: they prove here who they are, and are shown pages. */
export interface SignIn {
  readonly sessions: SessionScheme
  /** Around every refusal: a page for browsers on their way to a page. */
  readonly pages: MiddlewareHandler<Env>
  /** Before every path: refuses banned addresses, but for requests that prove who sends them. */
  readonly refuseBanned: MiddlewareHandler<Env>
  /** Login and logout. */
  routes(app: Hono<Env>): void
  /** Before Open WebUI that has no login of its own (`webui.sso`). */
  readonly webui: Guards
  /** Before our own pages. */
  readonly dashboard: Guards
}

export const createSignIn = (options: SignInOptions): SignIn => {
  const { config, platform, schemes, bans, failures, ended } = options
  const sessions = createSessionScheme({
    ...platform,
    secrets: config.sessionSecrets ?? [platform.sessionSecret],
    users: config.users,
    ended: ended.has,
  })
  const { started, end } = recorder(options, sessions)
  const sso = config.webui?.sso === 'trusted-header'
  const loopback = grantsLoopback(config.grants)
  // Open WebUI speaks for people when it asks for models, not here.
  const { codes } = schemes
  const person = { ...schemes, sessions, speaksFor: undefined, requiresTotp: codes.needed }
  const anyUserHasTotp = [...config.users.values()].some(({ totp }) => totp !== undefined)
  const identifyForUi = authenticate({ ...person, loopback })
  // Tokens that Open WebUI's pages carry are nothing to us.
  const identifyForWebui = authenticate({ ...person, besideWebui: true, loopback: false })
  const guards = (identify: MiddlewareHandler<Env>): Guards => [
    renewSession(sessions),
    failures,
    identify,
    inviteToLogin(),
    requireCaller(),
    requirePerson(),
  ]
  const own = hostCheck(config.allowedHosts)
  const proves = provesItself({ ...schemes, sessions, loopback: false })
  return {
    sessions,
    pages: pagesForPeople(explain, (path) => !isForPrograms(path)),
    // The form asks the same gate as every other check of a password, and preflights show nothing.
    refuseBanned: refuseBanned({
      bans,
      platform,
      exempt: (c) => c.req.path === loginPath || isPreflight(c) || proves(c),
    }),
    routes: (app) => {
      const sameOrigin = requireSameOrigin(config.allowedHosts)
      app.get(
        loginPath,
        failures,
        sso ? identifyForWebui : identifyForUi,
        showLogin({ ...config.ui, anyUserHasTotp }),
      )
      const check = signIn({
        ...platform,
        ...config.ui,
        passwords: schemes.passwords,
        codes,
        anyUserHasTotp,
        sessions,
        started,
      })
      app.post(loginPath, sameOrigin, failures, check)
      app.get(logoutPath, (c) => showPage(c, logoutPage(config.ui.name)))
      app.post(logoutPath, sameOrigin, signOut({ ofWebui: sso, end }))
    },
    webui: guards(identifyForWebui),
    dashboard: [own, ...guards(identifyForUi), requireOwnPages(config.allowedHosts)],
  }
}

/** Puts on record who signed in and out, for the list of browsers; neither waits for it. */
const recorder = ({ platform, ended }: SignInOptions, sessions: SessionScheme) => {
  const audit = createAudit(platform)
  const record = (c: Context<Env>, target: string, change: Change) =>
    platform.waitUntil(audit(c, change.kind, 'done', { target, change }))
  return {
    started: (c: Context<Env>, id: string): void => {
      ended.started(id)
      const { door, ip: clientIp } = c.var.client
      const browser = {
        id,
        login: c.var.auth.caller?.login ?? '',
        userAgent: (c.req.header('user-agent') ?? '').slice(0, 256),
        door,
        clientIp,
        startedAt: platform.clock.now(),
        endedAt: null,
      }
      record(c, id, { kind: 'session.start', browser })
    },
    end: async (c: Context<Env>): Promise<void> => {
      const session = await sessionOf(c, sessions)
      if (session === undefined) return
      c.set('auth', { caller: session.caller })
      ended.add(session.id)
      record(c, session.id, { kind: 'session.end', id: session.id, at: platform.clock.now() })
    },
  }
}
