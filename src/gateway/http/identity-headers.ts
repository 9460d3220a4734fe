import { Failure } from '../../platform/failure.ts'

/**
 * Names that say who somebody is or where they come from. They are deleted from every request before our own values
 * are set, whatever the listener.
 */
const identityPrefixes = [
  'tailscale-',
  'x-webauth-',
  'remote-',
  'x-gateway-',
  'x-forwarded-',
  'x-postern-user',
]
const identityNames = new Set([
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'cf-connecting-ip',
  'true-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
])

/** Lower case, and every spelling that some server folds into a dash made one: `_`, `.`. */
export const folded = (name: string): string => name.toLowerCase().replace(/[_.]/g, '-')

const names = (name: string): boolean =>
  identityNames.has(name) || identityPrefixes.some((prefix) => name.startsWith(prefix))

/** True for identity and hop headers in any spelling, so that none is forwarded. */
export const isIdentityHeader = (name: string): boolean => names(folded(name))

// Each of these decides something; two of them would let two servers decide differently.
const single = new Set(['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'])
const singleIdentity = new Set([
  'tailscale-user-login',
  'tailscale-user-name',
  'tailscale-user-profile-pic',
  'tailscale-funnel-request',
  'tailscale-app-capabilities',
  'x-webauth-user',
  'x-gateway-hop',
])
/** What tailscaled tells of tailnet callers, and deletes from internet traffic before it marks that. */
const tailnetOnly = [
  'tailscale-user-login',
  'tailscale-user-name',
  'tailscale-user-profile-pic',
  'tailscale-app-capabilities',
]

/** Two credential lines: 400, since libraries disagree on which one counts. */
export const duplicateSensitive = (rawHeaders: readonly string[]): Failure | undefined => {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (!single.has(name)) continue
    if (seen.has(name)) {
      return new Failure('ambiguous_credentials', `More than one ${name} header.`)
    }
    seen.add(name)
  }
  return undefined
}

/**
 * Refuses what a genuine front can never send: an identity header twice, in a look-alike spelling, or together with
 * the mark of a public request.
 */
export const identityConflict = (rawHeaders: readonly string[]): Failure | undefined => {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const exact = (rawHeaders[i] ?? '').toLowerCase()
    const name = folded(exact)
    if (name !== exact && names(name)) return conflict(`spelling of ${name}`)
    if (!singleIdentity.has(name)) continue
    if (seen.has(name)) return conflict(`${name} twice`)
    seen.add(name)
  }
  return seen.has('tailscale-funnel-request') && tailnetOnly.some((name) => seen.has(name))
    ? conflict('identity on a public request')
    : undefined
}

const conflict = (reason: string): Failure =>
  new Failure(
    'identity_conflict',
    'The request carries identity headers that contradict each other.',
    {
      reason,
    },
  )
