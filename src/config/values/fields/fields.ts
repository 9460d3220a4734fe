import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { quote } from '../../problem.ts'
import { decodeBase32 } from '../base32.ts'
import { parseBind } from '../bind.ts'
import { checkHash } from '../password-hash.ts'
import { parseDuration, parseSize } from '../units.ts'
import { checkHttpUrl, refuseDatabaseUrl, refuseRedisUrl } from '../url.ts'

/** Beyond this, timers of JavaScript fire at once (2^31 ms). */
const MAX_TIMER = 24 * 86_400_000
const MAX_SPAN = 3650 * 86_400_000
const HOUR = 3_600_000
const MAX_BODY = 2 ** 30
const MAX_CAPTURE = 2 ** 20

export interface Context {
  readonly issues: { push(issue: z.core.$ZodRawIssue): unknown }
}

/** Notes what is wrong with one value and what to write instead; `issues.ts` turns it into a problem. */
export function refuse(
  ctx: Context,
  input: unknown,
  message: string,
  remedy: string,
): typeof z.NEVER {
  ctx.issues.push({ code: 'custom', message, input, params: { remedy } })
  return z.NEVER
}

/** A wall-clock span, in ms. */
export const span = () => duration(MAX_SPAN, '3650d')

/** What a timer counts, in ms. */
export const timer = () => duration(MAX_TIMER, '24d')

const duration = (max: number, longest: string) =>
  z.string().transform((text, ctx) => {
    const remedy = 'Write a number and a unit, such as "500ms", "15s", "10m", "1.5h" or "7d"'
    const ms = parseDuration(text)
    if (ms === undefined) return refuse(ctx, text, `${quote(text)} is not a duration`, remedy)
    if (ms > 0 && ms <= max) return ms
    return refuse(ctx, text, `${quote(text)} is outside 1ms to ${longest}`, remedy)
  })

/** In bytes. */
export const size = () =>
  z.string().transform((text, ctx) => {
    const remedy = 'Write a number and a unit, such as "512KiB", "1MB" or "32MiB"'
    const bytes = parseSize(text)
    if (bytes === undefined) return refuse(ctx, text, `${quote(text)} is not a size`, remedy)
    if (bytes >= 1024 && bytes <= MAX_BODY) return bytes
    return refuse(ctx, text, `${quote(text)} is outside 1KiB to 1GiB`, remedy)
  })

/** Of one captured body, in bytes. */
export const captureSize = () =>
  size().transform((bytes, ctx) =>
    bytes <= MAX_CAPTURE
      ? bytes
      : refuse(ctx, bytes, 'is more than 1MiB', 'Write a size such as "64KiB"'),
  )

/** How long something is kept, in ms; 0: not at all. */
export const retention = () =>
  z.string().transform((text, ctx) => {
    if (text === '' || text === '0') return 0
    const remedy = 'Write "30d" or "720h", or "0" to keep nothing'
    const ms = parseDuration(text)
    if (ms === undefined) return refuse(ctx, text, `${quote(text)} is not a duration`, remedy)
    if (ms >= HOUR && ms <= MAX_SPAN) return ms
    return refuse(ctx, text, `${quote(text)} is outside 1h to 3650d`, remedy)
  })

export const bind = () =>
  z.string().transform((text, ctx) => {
    const parsed = parseBind(text)
    if (parsed.bind) return parsed.bind
    const remedy = 'Write "127.0.0.1:8787", "[::1]:8787", "0.0.0.0:8787" or "unix:name.sock"'
    return refuse(ctx, text, `${quote(text)} ${parsed.why}`, remedy)
  })

export const trustedProxy = () =>
  z.string().transform((text, ctx) => {
    if (text === 'unix' || ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text)) {
      return text
    }
    const remedy = 'Write an address, a range such as "10.0.0.0/8", or "unix" for a socket peer'
    if (!ipaddr.isValidCIDR(text)) {
      return refuse(ctx, text, `${quote(text)} is not a valid IP address or CIDR range`, remedy)
    }
    if (!text.endsWith('/0')) return text
    const message = `${quote(text)} believes an address header from anybody`
    return refuse(ctx, text, message, 'Name only the proxies that you run')
  })

export const hostName = () =>
  z.string().transform((text, ctx) => {
    const name = text.toLowerCase()
    if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) || ipaddr.IPv6.isValid(name)) return name
    const remedy = 'Write the name alone, such as "machine.tail1234.ts.net"'
    return refuse(ctx, text, `${quote(text)} is not a valid host name`, remedy)
  })

/** An http(s) URL as written. */
export const baseUrl = () =>
  z.string().transform((text, ctx) => {
    if (text === '') return refuse(ctx, text, NO_BASEURL, 'Add "baseurl": a text in double quotes')
    const { url, why } = checkHttpUrl(text)
    return url ? text : refuse(ctx, text, `the URL ${why}`, HTTP_URL)
  })

/** As Aperture says it, after the name of the provider. */
export const NO_BASEURL = 'has no baseurl configured'

const HTTP_URL = 'Write http:// or https://, host, port and path, such as "http://127.0.0.1:1234"'

/** An http(s) URL of a whole site, as its origin without a slash at the end. */
export const siteUrl = () =>
  z.string().transform((text, ctx) => {
    const { url, why } = checkHttpUrl(text)
    if (!url) return refuse(ctx, text, `the URL ${why}`, HTTP_URL)
    if (url.pathname === '/') return url.origin
    return refuse(ctx, text, 'the URL has a path', 'Write scheme, host and port only')
  })

export const databaseUrl = () =>
  z.string().transform((text, ctx) => {
    const why = refuseDatabaseUrl(text)
    const remedy = 'Write "file:postern.db" or "libsql://host"; a token goes into "auth_token"'
    return why === undefined ? text : refuse(ctx, text, `the database URL ${why}`, remedy)
  })

export const redisUrl = () =>
  z.string().transform((text, ctx) => {
    const why = refuseRedisUrl(text)
    const remedy = 'Write "redis://host:6379"; user and password have keys of their own'
    return why === undefined ? text : refuse(ctx, text, `the Redis URL ${why}`, remedy)
  })

/** Goes into one header line. */
export const headerSecret = () => z.string().transform(oneHeaderWord)

export function oneHeaderWord(text: string, ctx: Context): string {
  if (/^[\x21-\x7e]*$/.test(text)) return text
  const message = 'the key has a space, line break or non-ASCII character in it'
  return refuse(ctx, text, message, 'Paste the key again, alone')
}

export const passwordHash = () =>
  z.string().transform((text, ctx) => {
    const checked = checkHash(text)
    if (checked.cost !== undefined) return text
    const remedy = 'Set it with `postern user passwd NAME`'
    return refuse(ctx, text, `the password ${checked.why}`, remedy)
  })

export const totpSecret = () =>
  z.string().transform((text, ctx) => {
    if (decodeBase32(text) !== undefined) return text
    const remedy = 'Make one with `postern user totp NAME`'
    return refuse(ctx, text, 'the secret is not base32 of at least 16 characters', remedy)
  })

/** Names that mean something else in `src`; a user so called would be taken for it. */
const RESERVED_LOGIN = /^(\*|\(.*\)|(group|tag|door):.*)$/i

/** May this be a principal, as `src`, `login` or the name of a user without one? */
export const isLogin = (text: string): boolean =>
  /^[^\s\p{C}]{1,254}$/u.test(text) && !RESERVED_LOGIN.test(text)

/** Full login, lower-cased. */
export const login = () =>
  z.string().transform((text, ctx) => {
    if (isLogin(text)) return text.toLowerCase()
    const remedy = 'Write a name or an e-mail address, such as "alice@example.com"'
    return refuse(ctx, text, `${quote(text)} cannot be a login`, remedy)
  })

/** `group:name`; the prefix may be left out. */
export const groupName = () =>
  z.string().transform((text, ctx) => {
    const name = text.startsWith('group:') ? text : `group:${text}`
    if (/^group:[^\s\p{C}:*]{1,128}$/u.test(name)) return name
    return refuse(ctx, text, `${quote(text)} is not a valid group name`, 'Write "group:family"')
  })

/** A capability of the tailnet's policy: a domain and a path below it. */
export const capability = () =>
  z.string().transform((text, ctx) => {
    if (/^[a-z0-9-]+(\.[a-z0-9-]+)+(\/[\w.-]+)+$/i.test(text)) return text
    const remedy = 'Write a domain and a name, such as "example.com/cap/gateway"'
    return refuse(ctx, text, `${quote(text)} is not a valid capability`, remedy)
  })

const PLACES: ReadonlySet<string> = new Set(['*', '(loopback)', '(owner)'])

/** Who a grant is for. */
export const grantSource = () =>
  z.string().transform((text, ctx) => {
    if (/^(group|tag):[^\s\p{C}]+$/u.test(text) || PLACES.has(text)) return text
    if (isLogin(text)) return text.toLowerCase()
    const remedy = 'Write "*", a login, "group:name", "tag:name", "(owner)" or "(loopback)"'
    return refuse(ctx, text, `${quote(text)} names nobody`, remedy)
  })

export const modelId = () =>
  z.string().transform((text, ctx) => {
    if (/^[^\s\p{C}]([^\p{C}]{0,254}[^\s\p{C}])?$/u.test(text)) return text
    const message = `${quote(text)} is not a valid model id`
    return refuse(ctx, text, message, 'Write the id exactly as the provider lists it')
  })

/** A glob over `provider/model`. A leading `!`, which elsewhere means "all but", would grant nothing or everything. */
export const modelPattern = () =>
  z.string().transform((text, ctx) => {
    if (/^[^\s\p{C}\\!][^\s\p{C}\\]*$/u.test(text)) return text
    const message = `${quote(text)} is not a valid models pattern`
    const remedy = 'Write "provider/model"; * stands for anything but a slash, ** for any segments'
    return refuse(ctx, text, message, remedy)
  })

export const pathPattern = () =>
  z.string().transform((text, ctx) => {
    if (/^\/[^\s\p{C}?#\\]*$/u.test(text)) return text
    const remedy = 'Write a path, such as "/v1/**"'
    return refuse(ctx, text, `${quote(text)} is not a valid path pattern`, remedy)
  })

/** A header of our choice, in lower case. */
export const headerName = () =>
  z.string().transform((text, ctx) => {
    if (/^[a-z][a-z0-9-]{2,63}$/i.test(text) && !OWN_HEADERS.test(text.toLowerCase())) {
      return text.toLowerCase()
    }
    const remedy = 'Write letters, digits and dashes, such as "X-Postern-User-Email"'
    return refuse(ctx, text, `${quote(text)} cannot be used as a header`, remedy)
  })

/** Lines that decide where a message ends or to whom it goes: they are the gateway's own. */
const OWN_HEADERS =
  /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*)$/

/** The entry as far as it is surely the name of a header: the rest, or all of it, may be a key. */
const nameIn = (text: string): string => quote(`${/^[A-Za-z-]+(?=[ =])/.exec(text)?.[0] ?? ''}…`)

/** `Header-Name: value`, as a pair with the name in lower case. */
export const header = () =>
  z.string().transform((text, ctx): readonly [name: string, value: string] => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([\x20-\x7e]*)$/.exec(text)
    const remedy = 'Write "Header-Name: value"'
    if (!match) {
      const message = `add_headers entry ${nameIn(text)} must be in "Header-Name: value" format`
      return refuse(ctx, text, message, remedy)
    }
    const [, name = '', value = ''] = match
    if (!OWN_HEADERS.test(name.toLowerCase())) return [name.toLowerCase(), value.trim()]
    return refuse(ctx, text, `header ${quote(name)} is set by the gateway itself`, 'Remove it')
  })
