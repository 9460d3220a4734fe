import { type JWTPayload, jwtVerify } from 'jose'
import type { WebuiConfig } from '../../config/config.ts'
import { isLogin } from '../../config/values/fields/fields.ts'
import type { Caller } from '../../platform/caller.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Auth } from '../http/env.ts'
import { loginOf } from './webui-identity.ts'

/** For whom Open WebUI asks, when it is the caller and says so. */
export type SpeaksFor = (caller: Caller, headers: Headers) => Auth | Promise<Auth>

export interface SpeaksForOptions {
  readonly webui: Pick<WebuiConfig, 'sso'>
  readonly speaksFor: NonNullable<WebuiConfig['speaksFor']>
  readonly clock: Platform['clock']
}

/** As Open WebUI 0.12 names it (`FORWARD_USER_INFO_HEADER_JWT`). */
const header = 'x-openwebui-user-jwt'
/** Seconds by which the clocks of two machines may differ. */
const clockTolerance = 30
const longestName = 128

/**
 * Reads `X-OpenWebUI-User-Jwt`: with Open WebUI's own credential, and signed with the secret that only it and we know,
 * it makes the person the caller, and Open WebUI the one they come through. From anybody else it says nothing.
 */
export const createSpeaksFor = (options: SpeaksForOptions): SpeaksFor => {
  const { speaksFor, clock } = options
  const secret = new TextEncoder().encode(speaksFor.secret)

  const personOf = async (token: string): Promise<Person | undefined> => {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ['HS256'],
      issuer: 'open-webui',
      requiredClaims: ['exp', 'email'],
      clockTolerance,
      currentDate: new Date(clock.now()),
    })
    return readPerson(payload, options.webui.sso)
  }

  const resolve = async (caller: Caller, token: string): Promise<Auth> => {
    const person = await personOf(token).catch(() => undefined)
    if (person === undefined) return { failure: 'bad_user_token', user: caller.login }
    const { kind, credentialId } = caller
    // `policy` finds the groups of a login.
    return { caller: { ...person, kind, credentialId, groups: [], through: caller } }
  }

  return (caller, headers) => {
    const token = headers.get(header)
    return token === null || caller.login !== speaksFor.login ? { caller } : resolve(caller, token)
  }
}

type Person = Pick<Caller, 'login' | 'displayName'>

/**
 * Only with `sso` are the addresses there made of logins here, and only then may they be read as such: without it
 * people sign up with whatever address they like.
 */
const readPerson = (
  { email, name, exp }: JWTPayload,
  sso: WebuiConfig['sso'],
): Person | undefined => {
  if (typeof email !== 'string' || !Number.isSafeInteger(exp)) return undefined
  const login = (sso === 'trusted-header' ? loginOf(email.toLowerCase()) : email).toLowerCase()
  if (!isLogin(login)) return undefined
  const displayName = typeof name === 'string' ? name.slice(0, longestName).toWellFormed() : ''
  return displayName === '' ? { login } : { login, displayName }
}
