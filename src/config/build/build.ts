import type { Retention } from '../../platform/records/captured.ts'
import type {
  Config,
  IssuerConfig,
  ListenerConfig,
  S3Config,
  UserConfig,
  WebuiConfig,
} from '../config.ts'
import type { ConfigFile } from '../schema.ts'
import { buildGrants, buildGroups } from './grants.ts'
import { buildHooks } from './hooks.ts'
import { buildProviders } from './providers.ts'
import { buildQuotas } from './quotas.ts'

/** The validated file in the shape the program works with. */
export function buildConfig(file: ConfigFile): Config {
  const users = new Map(
    Object.entries(file.users).map(([name, user]) => [name, toUser(name, user)]),
  )
  return {
    mode: file.mode,
    front: file.front,
    listeners: file.listeners.map(toListener),
    tailscale: { socket: file.tailscale.socket, capabilities: file.tailscale.capabilities },
    allowedHosts: file.allowed_hosts,
    webui: file.webui && toWebui(file.webui),
    ui: { name: file.ui.name, logo: file.ui.logo },
    providers: buildProviders(file.providers, file.auto_cost_basis),
    grants: buildGrants(file, users),
    quotas: buildQuotas(file.quotas),
    hooks: buildHooks(file.hooks),
    groups: buildGroups(file, users),
    users,
    issuers: file.issuers.map(toIssuer),
    rateLimits: file.rate_limits,
    authFailures: {
      max: file.auth_failures.max,
      window: file.auth_failures.window,
      ban: file.auth_failures.ban,
      maxBan: file.auth_failures.max_ban,
    },
    limits: toLimits(file.limits),
    compareWith: file.compare_with || undefined,
    labelHeader: file.label_header.toLowerCase(),
    database: { url: file.database.url, authToken: file.database.auth_token },
    retention: toRetention(file.database.retention),
    exporters: { s3: toS3(file.exporters.s3) },
    filterableHeaders: toFilterable(file.database.headers.filterable),
    sessionSecrets: toSessionSecrets(file.sessions),
    redis: file.redis && { ...file.redis, user: file.redis.user, password: file.redis.password },
    log: file.log,
  }
}

const toListener = (file: ConfigFile['listeners'][number]): ListenerConfig => {
  const { trusted_proxies, hop_secret, ...listener } = file
  return { ...listener, hopSecret: hop_secret, trustedProxies: trustedBy(file) }
}

/** A listener for Caddy has no other peer, so nobody has to say that it is a proxy. */
const trustedBy = (file: ConfigFile['listeners'][number]): readonly string[] => {
  if (file.identity !== 'caddy' || file.trusted_proxies.length > 0) return file.trusted_proxies
  return file.bind.kind === 'unix' ? ['unix'] : ['127.0.0.0/8', '::1']
}

const toWebui = ({ speaks_for, ...webui }: NonNullable<ConfigFile['webui']>): WebuiConfig => ({
  ...webui,
  speaksFor: speaks_for,
})

const toRetention = (file: ConfigFile['database']['retention']): Retention => ({
  duration: file.captures === '0' ? 0 : file.duration,
  purge: file.purge,
  requireExport: file.require_export,
})

const mostRows = 10_000

const toS3 = (file: ConfigFile['exporters']['s3']): S3Config | undefined => {
  const { bucket_name: bucket, access_key_id, access_secret, limit, ...rest } = file
  if (!bucket) return undefined
  return {
    ...rest,
    bucket,
    accessKeyId: access_key_id ?? '',
    accessSecret: access_secret ?? '',
    limit: Math.min(limit, mostRows),
  }
}

const toSessionSecrets = ({
  secret,
  previous_secret: previous,
}: ConfigFile['sessions']): Config['sessionSecrets'] => {
  if (secret === undefined) return undefined
  return [secret, ...(previous === undefined ? [] : [previous])].map((text) =>
    new TextEncoder().encode(text),
  )
}

const toLimits = (limits: ConfigFile['limits']): Config['limits'] => ({
  body: limits.body,
  bodiesPerCaller: limits.bodies_per_caller,
  bodies: limits.bodies,
  firstByte: limits.first_byte,
  idle: limits.idle,
  headerTimeout: limits.header_timeout,
  bodyIdle: limits.body_idle,
  writeStall: limits.write_stall,
  websockets: limits.websockets,
  websocketsPerClient: limits.websockets_per_client,
})

/** Whatever the file says, no value of these is ever kept. */
const credentials = /^(?:proxy-)?authorization$|cookie|key|token|secret|password/

const toFilterable = (
  headers: ConfigFile['database']['headers']['filterable'],
): Config['filterableHeaders'] =>
  headers.map(({ name, redact_values }) => ({
    name: name.toLowerCase(),
    redact: redact_values || credentials.test(name.toLowerCase()),
  }))

const toUser = (name: string, user: ConfigFile['users'][string]): UserConfig => ({
  password: user.password,
  ...(user.totp !== undefined && { totp: user.totp }),
  login: user.login ?? name.toLowerCase(),
  groups: user.groups,
})

const toIssuer = (file: ConfigFile['issuers'][number]): IssuerConfig => ({
  issuer: file.issuer,
  audience: file.audience,
  jwks: file.jwks,
  algorithms: file.algorithms,
  loginClaim: file.login_claim,
  requireEmailVerified: file.require_email_verified,
  domains: file.domains,
  prefix: file.prefix,
  groupsClaim: file.groups_claim,
  requiredClaims: new Map(Object.entries(file.required_claims)),
  header: file.header,
})
