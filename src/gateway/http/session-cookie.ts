/**
 * The cookie of a browser session. `__Host-`: set over TLS only, by this very host, for all of it, so that neither a
 * neighbour's subdomain nor anybody on the network can plant one (RFC 6265bis §4.1.3.2).
 */
const secureName = '__Host-postern-session'
const plainName = 'postern-session'

const nameFor = (secure: boolean): string => (secure ? secureName : plainName)

/** What no session of ours can be longer than; browsers keep 4096 bytes. */
const maxLength = 4000

/** Undefined unless there is exactly one, for of two nobody knows who set which. */
export const readSessionCookie = (headers: Headers, secure: boolean): string | undefined => {
  const wanted = `${nameFor(secure)}=`
  const found = pairsOf(headers.get('cookie') ?? '').filter((pair) => pair.startsWith(wanted))
  const value = found[0]?.slice(wanted.length)
  return found.length === 1 && value && value.length <= maxLength ? value : undefined
}

/** A `Set-Cookie` line. @param maxAge seconds; 0 removes it */
export const sessionCookie = (value: string, secure: boolean, maxAge: number): string =>
  `${nameFor(secure)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`

/** A `Cookie` line for servers behind us: who holds it is that person here, so it stays here. */
export const withoutSession = (cookies: string): string =>
  pairsOf(cookies)
    .filter((pair) => !ours.test(pair))
    .join('; ')

const ours = new RegExp(`^(?:${secureName}|${plainName})\\s*(?:=|$)`, 'i')

const pairsOf = (cookies: string): string[] =>
  cookies
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
