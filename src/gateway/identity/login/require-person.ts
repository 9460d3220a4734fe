import type { MiddlewareHandler } from 'hono'
import type { Caller } from '../../../platform/caller.ts'
import { Failure } from '../../../platform/failure.ts'
import { check } from '../../http/check.ts'
import type { Env } from '../../http/env.ts'
import { wantsPage } from '../../http/page.ts'
import { sessionCookie } from '../../http/session-cookie.ts'
import { sessionOf } from '../authenticate.ts'
import { type SessionScheme, sessionLifetime } from '../schemes/session.ts'
import { loginTo } from './return-path.ts'

/**
 * Shows who comes without any proof where to give one: a browser that loads a page, the login page; everything else,
 * scripts on pages included, a 401 without the Basic challenge, for that would make browsers ask in a window of their own.
 */
export const inviteToLogin = (): MiddlewareHandler<Env> =>
  async function inviteToLogin(c, next) {
    if (c.var.auth.failure !== 'missing') return next()
    const { target } = c.env.framing
    if (target && isPageLoad(c.req.method) && wantsPage(c)) {
      c.header('cache-control', 'no-store')
      return c.redirect(loginTo(target.path + target.search), 303)
    }
    throw new Failure('invalid_credentials', 'Missing or invalid credentials.', {
      // RFC 9110 §11.6.1 wants a challenge; this one is draft-broyer-http-cookie-auth's.
      headers: { 'www-authenticate': 'Cookie realm="postern"' },
      reason: c.var.auth.failure,
    })
  }

/** A tagged device is nobody in person, and what was made for one program must not open a person's chats. */
export const isPerson = (caller: Caller | undefined): boolean =>
  caller !== undefined && caller.kind !== 'node' && caller.kind !== 'key'

/** Lets only people on. */
export const requirePerson = (): MiddlewareHandler<Env> =>
  check(function requirePerson(c) {
    const { caller } = c.var.auth
    if (!isPerson(caller)) {
      const who = caller?.kind === 'key' ? 'A key is for programs' : 'A tagged device is nobody'
      throw new Failure('no_role', `${who}, and this is for people.`)
    }
  })

/** Keeps a browser signed in that comes back within 30 days: with a page goes a new session, once a day. */
export const renewSession = (sessions: SessionScheme): MiddlewareHandler<Env> =>
  async function renewSession(c, next) {
    await next()
    const { caller } = c.var.auth
    if (caller === undefined || !isPageLoad(c.req.method) || !wantsPage(c)) return
    const session = await sessionOf(c, sessions)
    // Of the same object: it was the session that proved this caller.
    if (session?.aging !== true || session.caller !== caller) return
    const token = await sessions.issue(caller.credentialId, session.id)
    const line = sessionCookie(token, c.var.client.secure, sessionLifetime)
    c.header('set-cookie', line, { append: true })
  }

const isPageLoad = (method: string): boolean => method === 'GET' || method === 'HEAD'
