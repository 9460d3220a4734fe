import type { Context, MiddlewareHandler } from 'hono'
import type { CorsConfig, GrantEntry } from '../../config/config.ts'
import { compileGlobs } from '../../config/values/glob.ts'
import { pass } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import type { Policy } from './grants.ts'

/**
 * Answers browsers that ask whether a page of another origin may use the API, and marks what such a page may read.
 * The question comes without a credential, so any grant's yes at this door is one; an answer to a known caller is marked
 * only where a grant that names them says so. The browser's own credentials are never allowed: what the page does not
 * say itself is not sent.
 */
export const cors = (policy: Policy): MiddlewareHandler<Env> => {
  if (!doors.some((door) => policy.entriesAt(door).some((entry) => entry.cors))) return pass
  return async function cors(c, next) {
    const origin = c.req.header('origin')
    const entries = policy.entriesAt(c.get('client').door)
    if (origin === undefined || !entries.some((entry) => entry.cors)) return next()
    const anyones = ruleFor(entries, c.req.path, origin)
    if (isPreflight(c) && anyones) return c.body(null, 204, preflight(c, anyones, origin))
    await next()
    const rule = c.get('permissions') ? ruleFor(callers(c), c.req.path, origin) : anyones
    c.header('vary', 'origin', { append: true })
    if (!rule) return
    c.header('access-control-allow-origin', named(rule, origin))
    c.header('access-control-expose-headers', EXPOSED_HEADERS)
  }
}

const doors = ['public', 'tailnet', 'local'] as const

/** Headers that SDKs on pages read; browsers hide every header that is not named here. */
const EXPOSED_HEADERS = [
  ...['x-request-id', 'request-id', 'x-amzn-requestid', 'x-amzn-errortype'],
  ...['retry-after', 'retry-after-ms', 'x-should-retry', 'www-authenticate'],
  ...['server-timing', 'openai-processing-ms', 'openai-version', 'openai-model'],
  ...['x-postern-translated', 'x-postern-attempts', 'x-postern-queue'],
  ...['limit', 'remaining', 'reset'].flatMap((what) => [
    `x-ratelimit-${what}-requests`,
    `x-ratelimit-${what}-tokens`,
    ...['requests', 'tokens', 'input-tokens', 'output-tokens'].map(
      (unit) => `anthropic-ratelimit-${unit}-${what}`,
    ),
  ]),
].join(', ')

/** May a page of this origin use this path, by any grant at this door? */
export const letsOriginIn =
  (policy: Policy) =>
  (c: Context<Env>): boolean => {
    const origin = c.req.header('origin')
    const entries = policy.entriesAt(c.get('client').door)
    return origin !== undefined && ruleFor(entries, c.req.path, origin) !== undefined
  }

export const isPreflight = (c: Context<Env>): boolean =>
  c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined

/** What the caller's grants say of this request; for lists, whose models are many, of any. */
const callers = (c: Context<Env>): readonly GrantEntry[] => {
  const [first] = c.get('candidates') ?? []
  return c.get('permissions').entriesFor(first?.provider.id, first?.model)
}

const ruleFor = (
  entries: readonly GrantEntry[],
  path: string,
  origin: string,
): CorsConfig | undefined => {
  const named = origin.toLowerCase()
  return entries.find(
    ({ cors }) =>
      cors && (cors.origins.includes('*') || cors.origins.includes(named)) && pathsOf(cors)(path),
  )?.cors
}

const compiled = new WeakMap<CorsConfig, (path: string) => boolean>()

const pathsOf = (rule: CorsConfig): ((path: string) => boolean) => {
  const matches = compiled.get(rule) ?? compileGlobs(rule.paths)
  compiled.set(rule, matches)
  return matches
}

/** The origin itself only where it is listed: a page that nobody listed is let in as one of all, or not at all. */
const named = ({ origins }: CorsConfig, origin: string): string =>
  origins.includes(origin.toLowerCase()) ? origin : '*'

/** Seconds that a browser remembers the answer. */
const maxAge = '600'

const preflight = (c: Context<Env>, rule: CorsConfig, origin: string): Record<string, string> => {
  const headers = rule.headers ?? listOf(c.req.header('access-control-request-headers'))
  return {
    'access-control-allow-origin': named(rule, origin),
    'access-control-allow-methods': rule.methods,
    ...(headers !== '' && { 'access-control-allow-headers': headers }),
    'access-control-max-age': maxAge,
    vary: 'origin, access-control-request-headers',
  }
}

/** Names of headers and nothing else is repeated: SDKs ask with a dozen of their own. */
const listOf = (text = ''): string => (/^[\w-]+( *, *[\w-]+){0,63}$/.test(text) ? text : '')
