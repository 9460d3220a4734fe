import type { Context, Handler } from 'hono'
import { Failure } from '../../../platform/failure.ts'
import type { Log } from '../../../platform/platform.ts'
import { readBody } from '../../http/body.ts'
import type { Auth, Env } from '../../http/env.ts'
import { hostName } from '../../http/guards/host-check.ts'
import { showPage, wantsPage } from '../../http/page.ts'
import { sessionCookie } from '../../http/session-cookie.ts'
import { readPair } from '../credentials.ts'
import { refusalOf } from '../require-caller.ts'
import type { CodeScheme } from '../schemes/code.ts'
import type { PasswordScheme } from '../schemes/password.ts'
import { type SessionScheme, sessionLifetime } from '../schemes/session.ts'
import { loginPage } from './pages.ts'
import { isPerson } from './require-person.ts'
import { loginPath, returnPath } from './return-path.ts'

export interface LoginOptions {
  /** What the gateway calls itself. */
  readonly name: string
  /** Somebody has to show a code: the form has a place for it. Whom it is for is nobody's business. */
  readonly anyUserHasTotp: boolean
  readonly passwords: PasswordScheme
  readonly codes: CodeScheme
  readonly sessions: SessionScheme
  readonly log: Log
  readonly newId: () => string
  /** Somebody has signed in. */
  readonly started: (c: Context<Env>, id: string) => void
}

/** `GET /postern/login`: a form, or straight on for who is known already. */
export const showLogin = ({
  name,
  anyUserHasTotp,
}: Pick<LoginOptions, 'name' | 'anyUserHasTotp'>): Handler<Env> =>
  async function showLogin(c) {
    const to = returnPath(c.req.query('to'))
    const { caller } = c.var.auth
    if (isPerson(caller)) return goOn(c, to)
    return showPage(
      c,
      loginPage({ name, anyUserHasTotp, host: hostName(c.var.client.host), user: '', to }),
    )
  }

/** `POST /postern/login`: the same check as everywhere, with the same gate before it, and a cookie after it. */
export const signIn = (options: LoginOptions): Handler<Env> =>
  async function signIn(c) {
    const { name, anyUserHasTotp, sessions, log, newId, started } = options
    const form = await readForm(c)
    const auth = await proven(c, form, options)
    c.set('auth', auth)
    if (auth.caller === undefined)
      return formAgain(c, { ...form, name, anyUserHasTotp }, refusalOf(auth))
    const { ip, secure } = c.var.client
    const id = newId()
    const token = await sessions.issue(auth.caller.credentialId, id)
    started(c, id)
    log('info', 'auth.login', { ip, user: auth.caller.login, rid: c.var.requestId })
    c.header('set-cookie', sessionCookie(token, secure, sessionLifetime), { append: true })
    return goOn(c, form.to)
  }

const proven = async (
  c: Context<Env>,
  { user, password, code }: Form,
  { passwords, codes }: Pick<LoginOptions, 'passwords' | 'codes'>,
): Promise<Auth> => {
  const offered = readPair(user, password)
  if (offered.kind !== 'password') {
    return { failure: offered.kind === 'malformed' ? offered.reason : 'malformed', user }
  }
  const { client } = c.var
  const auth = await passwords.check(offered, client, c.req.raw.signal)
  // A code is nothing without the password, and is not used up by who has none.
  return auth.caller ? ((await codes.check(user, code, client)) ?? auth) : auth
}

export interface LogoutOptions {
  readonly ofWebui: boolean
  /** What the browser holds must not count any more, wherever else it is. */
  readonly end: (c: Context<Env>) => Promise<void>
}

/**
 * `POST /postern/logout`: this browser forgets. Where we sign people on to Open WebUI, what that keeps in it goes as
 * well, or the next person at this screen would begin with it: its `token` cookie, and the copy that its pages keep.
 */
export const signOut = ({ ofWebui, end }: LogoutOptions): Handler<Env> =>
  async function signOut(c) {
    await end(c)
    const { secure } = c.var.client
    c.header('set-cookie', sessionCookie('', secure, 0), { append: true })
    if (ofWebui) {
      c.header('set-cookie', 'token=; Path=/; Max-Age=0', { append: true })
      c.header('clear-site-data', '"storage"')
    }
    return goOn(c, loginPath)
  }

const goOn = (c: Context<Env>, path: string): Response => {
  c.header('cache-control', 'no-store')
  return c.redirect(path, 303)
}

interface Form {
  readonly user: string
  readonly password: string
  /** Of an authenticator; empty where none was asked for. */
  readonly code: string
  readonly to: string
}

const limits = { body: 4096, bodyIdle: 10_000 }

/** @throws Failure 415, 413, 400 */
const readForm = async (c: Context<Env>): Promise<Form> => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new Failure('unsupported_media_type', 'Send the form as it is on the page.')
  }
  const body = await readBody(c.req.raw, { limits })
  const fields = new URLSearchParams(new TextDecoder().decode(body))
  for (const name of ['user', 'password', 'code', 'to']) {
    if (fields.getAll(name).length > 1) {
      throw new Failure('invalid_request', `More than one field "${name}".`)
    }
  }
  const { user, password, code, to } = Object.fromEntries(fields)
  return { user: user ?? '', password: password ?? '', code: code ?? '', to: returnPath(to) }
}

/** People get the form again, with what went wrong in it; programs JSON. */
const formAgain = (
  c: Context<Env>,
  { user, to, name, anyUserHasTotp }: Form & Pick<LoginOptions, 'name' | 'anyUserHasTotp'>,
  failure: Failure,
): Promise<Response> => {
  if (!wantsPage(c)) throw failure
  // As if it had been thrown: who counts and reports failures looks here.
  c.error = failure
  for (const [name, value] of Object.entries(failure.headers)) {
    if (name !== 'www-authenticate') c.header(name, value)
  }
  const host = hostName(c.var.client.host)
  return showPage(
    c,
    loginPage({
      name,
      anyUserHasTotp,
      host,
      user,
      to,
      wrong: sentenceFor(failure, anyUserHasTotp),
    }),
    failure.status,
  )
}

const sentenceFor = ({ code, message, headers }: Failure, anyUserHasTotp: boolean): string => {
  if (code === 'invalid_credentials') {
    return anyUserHasTotp
      ? 'User name, password or code is wrong.'
      : 'User name or password is wrong.'
  }
  const wait = headers['retry-after']
  return wait === undefined ? message : `${message} (${wait} s)`
}
