/** Names by which tailscaled itself answers; a provider there would hand its control API to every caller. */
const TAILSCALED = new Set(['local-tailscaled.sock', '100.100.100.100'])

export type CheckedUrl =
  | { readonly url: URL; readonly why?: undefined }
  | { readonly url?: undefined; readonly why: string }

/** An http(s) URL that says no more than where to connect. The reason never quotes the value: it may hold a password. */
export function checkHttpUrl(text: string): CheckedUrl {
  if (/[\s\\\p{C}]/u.test(text)) return { why: 'has a space, backslash or control character in it' }
  if (!/^https?:\/\//i.test(text)) return { why: 'does not begin with http:// or https://' }
  if (!URL.canParse(text)) return { why: 'is not a URL' }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text)) {
    return { why: 'has a user name or password in it' }
  }
  if (/[?#]/.test(text)) return { why: 'has a query or fragment' }
  if (url.port === '0') return { why: 'has port 0' }
  if (TAILSCALED.has(url.hostname)) return { why: 'is tailscaled itself' }
  return { url }
}

const DATABASE_SCHEMES = ['file:', 'libsql:', 'https:', 'http:']

/** Why this is not a database URL, or undefined. The reason never quotes the value. */
export function refuseDatabaseUrl(text: string): string | undefined {
  const scheme = DATABASE_SCHEMES.find((prefix) => text.toLowerCase().startsWith(prefix))
  if (!scheme) return `does not begin with ${DATABASE_SCHEMES.join(', ')}`
  if (scheme === 'file:') return text.length > 'file:'.length ? undefined : 'names no file'
  if (!URL.canParse(text)) return 'is not a URL'
  const { username, password, search, host } = new URL(text)
  if (username !== '' || password !== '' || /authToken=/i.test(search)) return 'has a secret in it'
  return host === '' ? 'names no host' : undefined
}

/** Why this is not an address of a Redis, or undefined. The reason never quotes the value. */
export function refuseRedisUrl(text: string): string | undefined {
  if (!/^rediss?:\/\//i.test(text)) return 'does not begin with redis:// or rediss://'
  if (!URL.canParse(text)) return 'is not a URL'
  const { username, password, host, pathname } = new URL(text)
  if (username !== '' || password !== '') return 'has a secret in it'
  if (!/^(?:\/\d*)?$/.test(pathname)) return 'has a path that is not a database number'
  return host === '' ? 'names no host' : undefined
}
