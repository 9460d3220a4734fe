import type { WebuiConfig } from '../../config/config.ts'
import type { Caller } from '../../platform/caller.ts'
import type { HeaderList } from '../../platform/upstream.ts'

export interface WebuiIdentityOptions {
  readonly headers: WebuiConfig['headers']
  /** `group:name` → logins, lower-cased. */
  readonly groups: ReadonlyMap<string, readonly string[]>
}

/** For logins that are not e-mail addresses, since Open WebUI knows people by nothing else. Not a domain that exists. */
const domain = '@postern.local'

/**
 * How Open WebUI knows this person: the login, with a domain of our own where it has none. What is not visible ASCII is
 * percent-encoded, as header values carry no more.
 */
export const emailOf = (login: string): string => {
  const email = login.toWellFormed().replace(/[^\x21-\x7e]|%/gu, encodeURIComponent)
  return email.includes('@') ? email : email + domain
}

/** The login that `emailOf` made this of. */
export const loginOf = (email: string): string => {
  const own = email.endsWith(domain) && email.indexOf('@') === email.length - domain.length
  try {
    return decodeURIComponent(own ? email.slice(0, -domain.length) : email)
  } catch {
    return email
  }
}

const longestName = 128

/**
 * Makes the headers that sign somebody in at Open WebUI. It percent-decodes the name (not RFC 2047), splits the groups at
 * commas and keeps those that exist there; with none it leaves its own as they are (routers/auths.py of 0.12).
 */
export const createWebuiIdentity = ({ headers, groups }: WebuiIdentityOptions) => {
  const groupsOf = byLogin(groups)
  return (caller: Caller): HeaderList => {
    const names = new Set([...caller.groups, ...(groupsOf.get(caller.login) ?? [])])
    const list = [...names].map((name) => name.replace(/^group:/, '')).filter(isPlain)
    return [
      [headers.email, emailOf(caller.login)],
      [headers.name, encodeURIComponent(nameOf(caller))],
      ...(list.length > 0 ? [[headers.groups, list.join(',')] as const] : []),
    ]
  }
}

const nameOf = ({ displayName, kind, credentialId, login }: Caller): string => {
  const name = displayName?.trim() || (kind === 'password' ? credentialId : login)
  return [...name.toWellFormed()].slice(0, longestName).join('')
}

/** Groups are not percent-decoded there, and a comma would make two of one. */
const isPlain = (group: string): boolean => /^[\x21-\x2b\x2d-\x7e]+$/.test(group)

const byLogin = (
  groups: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>()
  for (const [group, logins] of groups) {
    for (const login of logins) found.set(login, [...(found.get(login) ?? []), group])
  }
  return found
}
