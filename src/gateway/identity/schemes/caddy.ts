import type { ListenerConfig } from '../../../config/config.ts'
import type { Caller } from '../../../platform/caller.ts'
import type { Platform } from '../../../platform/platform.ts'

/**
 * Whom Caddy's `tailscale` authentication names: the full login in `X-Webauth-User`, which Caddy's configuration wipes
 * and then sets (caddy-tailscale strips nothing by itself). Believed only from Caddy.
 */
export const namedByCaddy = async (
  { listener, headers }: { readonly listener: ListenerConfig; readonly headers: Headers },
  fingerprint: Platform['fingerprint'],
): Promise<Caller | undefined> => {
  const login = utf8(headers.get('x-webauth-user') ?? '')
  if (!isLogin.test(login)) return undefined
  const proven = await hopProven(listener.hopSecret, headers.get('x-gateway-hop'), fingerprint)
  return proven
    ? { login: login.toLowerCase(), kind: 'user', credentialId: 'caddy', groups: [] }
    : undefined
}

/** Free of what would make it look like something else in grants and logs. */
const isLogin = /^[^\s\p{C}*()]{1,254}$/u

/** Header values reach us as one character per byte. */
const utf8 = (value: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(value, (char) => char.charCodeAt(0)),
    )
  } catch {
    return ''
  }
}

/**
 * A socket file proves its peer by its rights; on loopback any program could connect, so Caddy shows the secret.
 * Digests are compared, so the time taken tells nothing of the secret.
 */
const hopProven = async (
  secret: string | undefined,
  shown: string | null,
  fingerprint: Platform['fingerprint'],
): Promise<boolean> => {
  if (secret === undefined) return true
  if (shown === null) return false
  const [right, given] = await Promise.all([fingerprint(secret), fingerprint(shown)])
  return right === given
}
