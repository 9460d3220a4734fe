import type { Hono, MiddlewareHandler } from 'hono'
import type { Config, WebuiConfig } from './config/config.ts'
import type { Env } from './http/env.ts'
import { pagesForPeople, showPage } from './http/page.ts'
import { requireSameOrigin } from './http/same-origin.ts'
import { authenticate, isInSession } from './identity/authenticate.ts'
import { showLogin, signIn, signOut } from './identity/login/login.ts'
import { explain, logoutPage } from './identity/login/pages.ts'
import { inviteToLogin, renewSession, requirePerson } from './identity/login/require-person.ts'
import { loginPath, logoutPath } from './identity/login/return-path.ts'
import { requireCaller } from './identity/require-caller.ts'
import { createSessionScheme } from './identity/schemes/session.ts'
import type { Platform } from './platform.ts'
import type { Proofs } from './proofs.ts'
import { requireShown } from './proxy/webui.ts'
import { type RefuseBannedOptions, refuseBanned } from './ratelimit/refuse-banned.ts'

export interface PeopleOptions {
  readonly config: Config
  readonly webui: WebuiConfig
  readonly platform: Platform
  readonly proofs: Proofs
  readonly banned: RefuseBannedOptions
  /** Stands around every check of a credential. */
  readonly failures: MiddlewareHandler<Env>
}

/** People before Open WebUI that has no login of its own: they prove here who they are (`webui.sso`). */
export interface People {
  /** First: refusals are pages for those who load pages, and a session is a proof for who shares a banned address. */
  readonly welcome: readonly [MiddlewareHandler<Env>, MiddlewareHandler<Env>]
  /** Login and logout. */
  routes(app: Hono<Env>): void
  /** Before what is for people only. */
  readonly guards: readonly MiddlewareHandler<Env>[]
}

export const createPeople = (options: PeopleOptions): People => {
  const { config, webui, platform, proofs, banned, failures } = options
  const sessions = createSessionScheme({ ...platform, users: config.users })
  const inSession = isInSession(sessions)
  const identify = authenticate({
    ...proofs,
    sessions,
    besideWebui: true,
    loopback: false,
    // Open WebUI speaks for people when it asks for models, not here.
    speaksFor: undefined,
  })
  const sameOrigin = requireSameOrigin(config.allowedHosts)
  const shown = requireShown(webui)
  return {
    welcome: [
      pagesForPeople(explain),
      refuseBanned({
        ...banned,
        exempt: async (c) => (await banned.exempt(c)) || (await inSession(c)),
      }),
    ],
    routes: (app) => {
      app.get(loginPath, shown, failures, identify, showLogin())
      // What is guessed here is in the form, so nothing in the head may lift a ban.
      const guarded = refuseBanned({ ...banned, exempt: () => false })
      app.post(
        loginPath,
        shown,
        guarded,
        sameOrigin,
        failures,
        signIn({ passwords: proofs.passwords, sessions, log: platform.log }),
      )
      app.get(logoutPath, shown, (c) => showPage(c, logoutPage))
      app.post(logoutPath, shown, sameOrigin, signOut())
    },
    guards: [
      renewSession(sessions),
      failures,
      identify,
      inviteToLogin(),
      requireCaller(),
      requirePerson(),
    ],
  }
}
