import type { Config } from '../../config/config.ts'
import { parseConfig } from '../../config/parse.ts'
import { formatProblem } from '../../config/problem.ts'

/** Variables and secrets of the Worker. `POSTERN_CONFIG` is the configuration; the others are what it refers to. */
export type WorkerEnv = Readonly<Record<string, unknown>>

/** The configuration cannot be used. The problems hold no secret, and are for the log. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

export interface ReadConfig {
  readonly config: Config
  /** Signs browser sessions; undefined: they last as long as the isolate. */
  readonly sessionSecret: Uint8Array | undefined
  /** For the log. */
  readonly warnings: readonly string[]
}

const variable = 'POSTERN_CONFIG'
const secretVariable = 'POSTERN_SESSION_SECRET'

/**
 * Reads the configuration from the Worker's variables, and refuses what no Worker can do.
 * @throws ConfigError
 */
export const readConfig = (env: WorkerEnv): ReadConfig => {
  const text = env[variable]
  if (typeof text !== 'string') {
    throw new ConfigError([
      `${variable} is not set: put the text of your postern.hujson there, with "wrangler secret put ${variable}"`,
    ])
  }
  const { config, problems } = parseConfig(text, {
    file: variable,
    env: (name) => (typeof env[name] === 'string' ? env[name] : undefined),
    // There are no files.
    readFile: () => undefined,
  })
  if (!config) throw new ConfigError(problems.map(formatProblem))
  const impossible = [...limitsOf(config), ...tooShort(env[secretVariable])]
  if (impossible.length > 0) throw new ConfigError(impossible)
  const sessionSecret = secretOf(env[secretVariable])
  const signed = config.sessionSecrets !== undefined || sessionSecret !== undefined
  const forgetful = config.webui?.sso === 'trusted-header' && !signed
  return {
    config,
    sessionSecret,
    warnings: [...problems.map(formatProblem), ...(forgetful ? [forgetfulHint] : [])],
  }
}

const forgetfulHint = `${secretVariable} is not set, nor sessions.secret in the configuration: people sign in anew with each isolate that they reach`

/** HS256 with less could be guessed (RFC 7518 section 3.2). */
const shortestSecret = 32

const tooShort = (secret: unknown): string[] =>
  typeof secret === 'string' && secret.length < shortestSecret
    ? [
        `${secretVariable} has less than ${shortestSecret} characters: make one with "openssl rand -hex 32"`,
      ]
    : []

const secretOf = (secret: unknown): Uint8Array | undefined =>
  typeof secret === 'string' ? new TextEncoder().encode(secret) : undefined

/** What the configuration asks for and a Worker has not: refused, for a key without effect would be believed. */
const limitsOf = ({ database, listeners, front, grants }: Config): string[] => {
  const problems: string[] = []
  if (database.url.startsWith('file:')) {
    problems.push('database.url: a Worker has no files; name a libSQL server, "libsql://…"')
  }
  if (listeners.length !== 1 || !isDefault(listeners[0])) {
    problems.push('listeners: a Worker opens no sockets; remove the key')
  }
  if (front !== 'none') {
    problems.push('front: Cloudflare stands in front of a Worker; remove the key')
  }
  if (grants.some(({ src }) => src.includes('(loopback)'))) {
    problems.push('grants: "(loopback)" is nobody on a Worker; name users or groups')
  }
  return problems
}

const isDefault = (listener: Config['listeners'][number] | undefined): boolean =>
  listener?.bind.kind === 'tcp' &&
  listener.bind.host === '127.0.0.1' &&
  listener.bind.port === 8787 &&
  listener.trustedProxies.length === 0
