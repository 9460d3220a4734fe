import type { Door } from '../platform/caller.ts'
import type { Kind, Retention } from '../platform/records/captured.ts'
import type {
  AuthMode,
  Authorization,
  CostBasis,
  CostMapping,
  Dialect,
  Price,
  ProviderLimits,
  ServiceAccount,
} from '../platform/upstream.ts'
import type { PatternNode } from './values/text-pattern.ts'

/** The configuration after parsing: defaults filled in, references resolved, durations in ms, sizes in bytes. */
export interface Config {
  readonly mode: Mode
  readonly front: 'none' | 'tailscale' | 'caddy'
  readonly listeners: readonly ListenerConfig[]
  readonly allowedHosts: readonly string[]
  readonly tailscale: TailscaleConfig
  readonly webui: WebuiConfig | undefined
  readonly ui: UiConfig
  /** By id, in the order of the file. Empty: look for model servers on loopback. */
  readonly providers: ReadonlyMap<string, ProviderConfig>
  readonly grants: readonly GrantConfig[]
  /** By name, template included. */
  readonly quotas: ReadonlyMap<string, QuotaConfig>
  /** By name. */
  readonly hooks: ReadonlyMap<string, HookConfig>
  /** `group:name` → logins, lower-cased, of its own list and of the users that name it. */
  readonly groups: ReadonlyMap<string, readonly string[]>
  /** By user name, as written; names differ in more than case. */
  readonly users: ReadonlyMap<string, UserConfig>
  /** Each `issuer` once. */
  readonly issuers: readonly IssuerConfig[]
  readonly rateLimits: readonly RateLimitConfig[]
  readonly authFailures: AuthFailuresConfig
  readonly limits: LimitsConfig
  /** `anthropic/claude-sonnet-4-6`: whose prices usage is held against. */
  readonly compareWith: string | undefined
  /** Sign browser sessions in place of the host's own secret, the first of them; the others were used before. */
  readonly sessionSecrets: readonly Uint8Array[] | undefined
  /** Whose value is a request's label in the ledger, lower-case. */
  readonly labelHeader: string
  readonly database: DatabaseConfig
  readonly retention: Retention
  /** Headers that requests can be found by, lower-cased. */
  readonly filterableHeaders: readonly { readonly name: string; readonly redact: boolean }[]
  /** Absent: limits are this gateway's own. */
  /** Where the ledger is copied to. */
  readonly exporters: { readonly s3: S3Config | undefined }
  readonly redis: RedisConfig | undefined
  readonly log: LogConfig
}

/** Which doors are open to callers that come by way of tailscaled. */
export type Mode = 'local' | 'serve' | 'funnel' | 'both'

/** What a listener may believe about who is calling. */
export type ListenerIdentity = 'none' | 'serve' | 'whois' | 'caddy'

export interface ListenerConfig {
  readonly name: string
  readonly bind: Bind
  readonly identity: ListenerIdentity
  /** Proves that Caddy sent a request, where the socket's rights do not. */
  readonly hopSecret: string | undefined
  /** Group whose members may open the socket file; undefined: as `identity` has it. */
  readonly group?: string | undefined
  /** IP addresses or CIDR ranges whose X-Forwarded-For is believed. A unix-socket peer is named `unix`. */
  readonly trustedProxies: readonly string[]
}

export type Bind =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Relative to the data directory unless absolute. */
  | { readonly kind: 'unix'; readonly path: string }

export interface TailscaleConfig {
  /** tailscaled's socket; undefined: where this system has it. */
  readonly socket: string | undefined
  /** Names under which the tailnet's policy grants something to callers of this gateway. */
  readonly capabilities: readonly string[]
}

export interface WebuiConfig {
  readonly url: string
  readonly sso: 'off' | 'trusted-header'
  readonly public: boolean
  /** Headers that tell Open WebUI who is calling, lower-case. */
  readonly headers: { readonly email: string; readonly name: string; readonly groups: string }
  /** Login of Open WebUI's own credential, and the secret of the tokens by which it says for whom it asks. */
  readonly speaksFor: { readonly login: string; readonly secret: string } | undefined
}

/** How our own pages present themselves. */
export interface UiConfig {
  readonly name: string
  /** A data: URL of a picture. */
  readonly logo: string | undefined
}

export interface ProviderConfig {
  readonly baseurl: string
  /** Empty: ask the provider. */
  readonly models: readonly string[]
  readonly apikey: string
  /** What `keyfile::` led to; then `apikey` is empty. */
  readonly serviceAccount: ServiceAccount | undefined
  readonly authorization: Authorization
  readonly authMode: AuthMode
  readonly name: string
  readonly description: string
  readonly dialects: ReadonlySet<Dialect>
  /** The configuration names them; else those of a recognised server take their place. */
  readonly dialectsGiven: boolean
  /** Between a base without a version and the path; undefined: to be found out. */
  readonly version: string | undefined
  /** `traceparent` and `tracestate` of the client go to it. */
  readonly traceContext: boolean
  /** Gemini's own paths lead to Vertex here. */
  readonly geminiByVertex: boolean
  readonly preference: number
  readonly disabled: boolean
  readonly addHeaders: readonly (readonly [name: string, value: string])[]
  /** Undefined: its prices are on no list. */
  readonly costBasis: CostBasis | undefined
  /** It follows from `baseurl` and `dialects`; the file names none. */
  readonly costBasisInferred: boolean
  readonly modelCostMap: readonly CostMapping[]
  /** These three by model; `*` is for every other one. */
  readonly prices: ReadonlyMap<string, Price>
  readonly contextLength: ReadonlyMap<string, number>
  readonly maxOutputTokens: ReadonlyMap<string, number>
  readonly limits: ProviderLimits
  /** Models that a body names beside `model`: only granted ones, or any. */
  readonly otherModels: 'granted' | 'any'
  /** May it be sent `stream_options` that the client did not send? */
  readonly streamOptions: boolean
  readonly upstream: string
}

export interface GrantConfig {
  /** `*`, a login, `group:x`, tags of a node joined by commas, `(owner)`, `(loopback)`. */
  readonly src: readonly string[]
  /** Through these doors only. */
  readonly via?: readonly Door[]
  /** `*` means users of other tailnets as well. */
  readonly shared?: boolean
  /** Entries of the `tailscale.com/cap/aperture` capability. */
  readonly entries: readonly GrantEntry[]
  /** Every other capability, by name, as written: handed on, never read. */
  readonly capabilities?: ReadonlyMap<string, readonly unknown[]>
}

export interface GrantEntry {
  readonly role?: 'user' | 'admin'
  /** `provider/model` globs. Absent: the entry gives no model, and what else it says goes for every model. */
  readonly models?: readonly string[]
  /** `provider/family`: what of a provider's account may be used (dialect/resources). */
  readonly providerResources?: readonly string[]
  readonly addHeaders?: readonly (readonly [name: string, value: string])[]
  readonly cors?: CorsConfig
  readonly sendHooks?: readonly SendHook[]
  /** What requests are charged to. */
  readonly quotas?: readonly QuotaRef[]
  readonly readMetrics?: boolean
  readonly readPricing?: boolean
  /** Lower-cased; `*` is any. */
  readonly filterableHeaders?: readonly string[]
  readonly capture?: CaptureConfig
}

/** What is kept of requests and answers, as long as the database's retention says. */
export interface CaptureConfig {
  readonly bodies: readonly Kind[]
  /** Bytes of each. */
  readonly max: number
  /** Without secrets and personal data. */
  readonly redact: boolean
}

/** A bucket by the name of its quota, template included, and those that lend to it when it is empty, in order. */
export interface QuotaRef {
  readonly bucket: string
  readonly overdraft: readonly string[]
}

/** A budget. */
export interface QuotaConfig {
  /** As written, template included. */
  readonly name: string
  /** What stands before the colon, if there is one. */
  readonly stem: string
  /** Who has a bucket of their own. */
  readonly per: 'everybody' | 'user' | 'node'
  /** Undefined: it could not be read, and what it is about is refused. */
  readonly limit: QuotaLimit | undefined
}

/** Billionths of a dollar, tokens, requests, ms that providers spent, or requests at once. */
export type QuotaUnit = 'dollars' | 'tokens' | 'requests' | 'compute' | 'concurrent'

export interface QuotaLimit {
  readonly unit: QuotaUnit
  readonly capacity: number
  /** `amount` in `per` ms. Absent: it does not fill by itself. */
  readonly rate?: { readonly amount: number; readonly per: number; readonly text: string }
  /** Of dollars: what becomes of requests that nobody knows the price of. Absent: refused where somebody bills them. */
  readonly unknownPrice?: 'allow' | 'reject'
  /** Of requests: what Open WebUI asks by itself, beside what a person typed, is not counted. */
  readonly webuiTasks?: 'free'
}

/** What a hook is told of a request. */
export interface SendHook {
  readonly name: string
  readonly events: readonly HookEvent[]
  readonly send: readonly HookField[]
}

export type HookEvent = 'pre_request' | 'entire_request' | 'tool_call_entire_request'

export type HookField =
  | 'request_body'
  | 'response_body'
  | 'raw_responses'
  | 'user_message'
  | 'tools'
  | 'grants'
  | 'estimated_cost'
  | 'quotas'

export interface HookConfig {
  readonly name: string
  /** Empty for a guard of our own. A secret: its query may hold a token. */
  readonly url: string
  readonly apikey: string
  readonly authorization: Authorization
  /** Signs the calls. */
  readonly secret: string | undefined
  /** ms; 0: as long as it takes. */
  readonly timeout: number
  readonly disabled: boolean
  readonly failPolicy: 'fail_open' | 'fail_closed'
  readonly preference: number
  /** Our own guard, in place of an address. */
  readonly redact: RedactConfig | undefined
}

export interface RedactConfig {
  readonly kinds: readonly RedactKind[]
  /** By the name that stands in the placeholder. */
  readonly patterns: ReadonlyMap<string, PatternNode>
  readonly action: 'replace' | 'block'
}

export type RedactKind =
  | 'private_key'
  | 'api_key'
  | 'jwt'
  | 'email'
  | 'phone'
  | 'iban'
  | 'credit_card'

/** Pages of other origins may use the API. */
export interface CorsConfig {
  /** Globs over the path. */
  readonly paths: readonly string[]
  /** Lower-cased; or `*`. */
  readonly origins: readonly string[]
  readonly methods: string
  /** Absent: those that the page asks for. */
  readonly headers?: string
}

export interface UserConfig {
  /** bcrypt, `$2a$`, `$2b$` or `$2y$`. */
  readonly password: string
  /** Base32. Absent: the password is enough everywhere. */
  readonly totp?: string
  readonly login: string
  readonly groups: readonly string[]
}

/** Somebody whose tokens count as identity. */
export interface IssuerConfig {
  /** Exactly the `iss` of its tokens, a URL. */
  readonly issuer: string
  readonly audience: string
  /** Undefined: as its discovery document says. */
  readonly jwks: string | undefined
  /** JWS algorithms. */
  readonly algorithms: readonly SignatureAlgorithm[]
  /** Undefined: `email` if verified, else `sub`. */
  readonly loginClaim: string | undefined
  readonly requireEmailVerified: boolean
  /** Of the login, lower-case; empty only where there is a prefix. */
  readonly domains: readonly string[]
  readonly prefix: string
  readonly groupsClaim: string | undefined
  readonly requiredClaims: ReadonlyMap<string, string | boolean>
  /** Where a proxy in front puts such a token, lower-case. */
  readonly header: string | undefined
}

export type SignatureAlgorithm = 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'ES256' | 'ES384' | 'EdDSA'

export interface RateLimitConfig {
  readonly zone: string
  readonly match: string
  readonly per: 'client' | 'caller' | 'listener'
  readonly events: number
  readonly window: number
}

export interface AuthFailuresConfig {
  readonly max: number
  readonly window: number
  readonly ban: number
  readonly maxBan: number
}

export interface LimitsConfig {
  /** Bytes of a request body. */
  readonly body: number
  /** Bytes of all bodies of one caller that are read or sent at a time. */
  readonly bodiesPerCaller: number
  /** The same for all callers. */
  readonly bodies: number
  /** ms until the upstream's first byte. */
  readonly firstByte: number
  /** ms of silence in the middle of an answer. */
  readonly idle: number
  /** ms to send the request's headers. */
  readonly headerTimeout: number
  /** ms of silence while sending a request's body. */
  readonly bodyIdle: number
  /** ms a client may leave an answer unread before it is given up. */
  readonly writeStall: number
  /** WebSockets at once. */
  readonly websockets: number
  /** Of these for one client. */
  readonly websocketsPerClient: number
}

export interface DatabaseConfig {
  /** `file:…` (relative to the data directory), `libsql://…`, `https://…` or `http://…`. */
  readonly url: string
  readonly authToken: string | undefined
}

/** A bucket that the ledger is copied to. */
export interface S3Config {
  readonly bucket: string
  /** Of a server that is not AWS; empty for AWS. */
  readonly endpoint: string
  readonly region: string
  /** Before every name, without a slash at its end. */
  readonly prefix: string
  readonly accessKeyId: string
  readonly accessSecret: string
  /** ms */
  readonly every: number
  /** Rows in one object. */
  readonly limit: number
}

/** A Redis or Valkey that several gateways count in. */
export interface RedisConfig {
  readonly url: string
  readonly user: string | undefined
  readonly password: string | undefined
  /** Before every key. */
  readonly prefix: string
}

export interface LogConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly access: boolean
}
