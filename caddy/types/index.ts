/**
 * Strict types for the part of Caddy's JSON configuration that Postern emits.
 *
 * Only fields that exist in Caddy 2.11.4, the oldest version Postern stands behind: Caddy refuses a
 * configuration with a field it does not know, so a field of a later version would lock 2.11.4 out.
 * "Since" names the Caddy version that brought a field; fields without it are older than 2.5.
 * The only open maps are those whose keys are the user's own names: servers, loggers, headers, vars.
 *
 * Reference: https://caddyserver.com/docs/json/
 */

/** Nanoseconds, or a Go duration with `d` for days: `"30s"`, `"1h30m"`, `"2d"`. */
export type Duration = number | string

/**
 * A network address: `host:port`, `:port`, or `unix//absolute/path`. A socket to listen on may carry
 * its permissions, `unix//run/x.sock|0660` (default 0200). Since 2.7 for the permissions.
 * With caddy-tailscale also `tailscale/node:port`, to listen on.
 */
export type NetworkAddress = string

/** Header names and their values, each value a line of its own. */
export type HeaderValues = Readonly<Record<string, readonly string[]>>

/** Any object may carry `@id`: `GET /id/<it>` of the admin API then finds it. Caddy drops it on load. */
export interface Identified {
  readonly '@id'?: string
}

export interface Config extends Identified {
  readonly admin?: Admin
  readonly logging?: Logging
  readonly apps?: Apps
}

/** The admin API. Who reaches it owns the proxy. */
export interface Admin extends Identified {
  /** Default `localhost:2019`. On a socket the Host check is off (since 2.10). */
  readonly listen?: NetworkAddress
}

export interface Apps {
  readonly http?: HttpApp
  readonly tls?: TlsApp
  readonly pki?: PkiApp
  readonly tailscale?: TailscaleApp
}

// Logging

export interface Logging extends Identified {
  /** By logger name; `default` is what goes nowhere else. */
  readonly logs?: Readonly<Record<string, Log>>
}

export interface Log extends Identified {
  readonly writer?: LogWriter
  readonly encoder?: LogEncoder
  readonly level?: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'PANIC' | 'FATAL'
  /** Logger names, a name includes what is below it: `http.log.access.main`. */
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
}

export type LogWriter =
  | { readonly output: 'stderr' }
  | { readonly output: 'stdout' }
  | { readonly output: 'discard' }
  | FileWriter

export interface FileWriter {
  readonly output: 'file'
  readonly filename: string
  /** Octal permissions of the file, default `0600`. Since 2.9. */
  readonly mode?: string
  /** MiB, default 100. */
  readonly roll_size_mb?: number
  /** Rolled files kept, default 10. */
  readonly roll_keep?: number
  /** Days they are kept, default 90. */
  readonly roll_keep_days?: number
}

export type LogEncoder =
  | { readonly format: 'json' }
  | { readonly format: 'console' }
  | FilterEncoder

/** Changes fields before `wrap` writes them. */
export interface FilterEncoder {
  readonly format: 'filter'
  readonly wrap: { readonly format: 'json' } | { readonly format: 'console' }
  /** By path of the field, `request>headers>Cookie`. */
  readonly fields: Readonly<Record<string, LogFilter>>
}

export type LogFilter =
  | { readonly filter: 'delete' }
  | { readonly filter: 'replace'; readonly value: string }
  /** RE2. */
  | { readonly filter: 'regexp'; readonly regexp: string; readonly value: string }
  | { readonly filter: 'query'; readonly actions: readonly QueryAction[] }

export type QueryAction =
  | { readonly type: 'delete'; readonly parameter: string }
  | { readonly type: 'hash'; readonly parameter: string }
  | { readonly type: 'replace'; readonly parameter: string; readonly value: string }

// HTTP

export interface HttpApp extends Identified {
  /** Where HTTP is redirected from, default 80. */
  readonly http_port?: number
  /** Default 443. */
  readonly https_port?: number
  /** How long running requests may go on after a reload or stop. Default 0: to their end. */
  readonly grace_period?: Duration
  readonly servers?: Readonly<Record<string, Server>>
}

export interface Server extends Identified {
  readonly listen: readonly NetworkAddress[]
  /** Applied in order, before TLS unless `tls` is named. Since 2.1; `proxy_protocol` since 2.7. */
  readonly listener_wrappers?: readonly ListenerWrapper[]
  /** Whole request with its body: a limit here kills slow uploads. Default none. */
  readonly read_timeout?: Duration
  /** Default 1m since 2.9, before it none. */
  readonly read_header_timeout?: Duration
  /** Whole response: a limit here kills slow models. Default none. */
  readonly write_timeout?: Duration
  /** Between requests of one connection, default 5m. */
  readonly idle_timeout?: Duration
  /** Default 1 MiB; 16 KiB after 2.11.4. */
  readonly max_header_bytes?: number
  /** In order. A request that none of them answers gets an empty 200. */
  readonly routes?: readonly Route[]
  /** Run when a handler gave up with an error; sees `{http.error.*}`. */
  readonly errors?: { readonly routes: readonly Route[] }
  readonly automatic_https?: AutomaticHttps
  readonly tls_connection_policies?: readonly TlsConnectionPolicy[]
  /** Peers whose client address headers are believed. Since 2.6.3. */
  readonly trusted_proxies?: IpSource
  /** 1: read the address list from the right, stop at the first that is not trusted. Since 2.8. */
  readonly trusted_proxies_strict?: 0 | 1
  /** Believe peers on a unix socket. Since 2.11. */
  readonly trusted_proxies_unix?: boolean
  /** Default `X-Forwarded-For`. Since 2.7. */
  readonly client_ip_headers?: readonly string[]
  readonly logs?: ServerLogs
  /** Default h1, h2, h3. */
  readonly protocols?: readonly ('h1' | 'h2' | 'h2c' | 'h3')[]
}

export type ListenerWrapper =
  | { readonly wrapper: 'http_redirect' }
  | { readonly wrapper: 'tls' }
  | ProxyProtocolWrapper

/** Reads the client's address from a PROXY line. Since 2.7. */
export interface ProxyProtocolWrapper {
  readonly wrapper: 'proxy_protocol'
  readonly timeout?: Duration
  readonly allow?: readonly string[]
  readonly fallback_policy?: 'IGNORE' | 'USE' | 'REJECT' | 'REQUIRE' | 'SKIP'
}

export interface AutomaticHttps {
  readonly disable?: boolean
  readonly disable_redirects?: boolean
}

/** An empty policy switches TLS on with every default. */
export interface TlsConnectionPolicy extends Identified {
  readonly match?: { readonly sni?: readonly string[] }
}

export type IpSource =
  /** Addresses or CIDR ranges. */
  { readonly source: 'static'; readonly ranges: readonly string[] }

export interface ServerLogs {
  /** The access log is then `http.log.access.<this>`. */
  readonly default_logger_name?: string
}

export interface Route extends Identified {
  /** Any of the sets, all matchers of a set. None: every request. */
  readonly match?: readonly MatcherSet[]
  readonly handle: readonly Handler[]
  /** Later routes are not looked at. */
  readonly terminal?: boolean
}

export interface MatcherSet {
  readonly host?: readonly string[]
  /** Case-insensitive, on the decoded and cleaned path. `/v1*` also takes `/v1beta`. */
  readonly path?: readonly string[]
  /** CEL. A placeholder without a value is an empty string. */
  readonly expression?: string
  readonly protocol?: 'http' | 'https' | 'http/1.0' | 'http/1.1' | 'http/2' | 'http/3'
  /** A value may start or end with `*`. */
  readonly header?: HeaderValues
  /** By variable name or `{placeholder}`: any of the values. One without a value is empty. */
  readonly vars?: Readonly<Record<string, readonly string[]>>
  /** None of the sets. */
  readonly not?: readonly MatcherSet[]
}

export type Handler =
  | AuthenticationHandler
  | HeadersHandler
  | LogAppendHandler
  | RequestBodyHandler
  | ReverseProxyHandler
  | StaticResponseHandler
  | SubrouteHandler
  | VarsHandler

/** Who none of the providers knows gets an error 401. Sets `{http.auth.user.id}` and what else is known. */
export interface AuthenticationHandler extends Identified {
  readonly handler: 'authentication'
  readonly providers: {
    /**
     * caddy-tailscale: the owner of the peer's machine, by the node that listens; nobody for a tagged one. The id is the
     * full login. `{http.auth.user.tailscale_tailnet}` is empty for people of other tailnets.
     */
    readonly tailscale: Readonly<Record<string, never>>
  }
}

/**
 * Within one handler Caddy adds, sets, **then** deletes: a name deleted and set in the same handler is
 * gone. To delete and then set takes two handlers.
 */
export interface HeadersHandler extends Identified {
  readonly handler: 'headers'
  readonly request?: HeaderOperations
  readonly response?: ResponseHeaderOperations
}

export interface HeaderOperations {
  readonly add?: HeaderValues
  readonly set?: HeaderValues
  /** Case-insensitive; `Pre*`, `*suf`, `*mid*`. */
  readonly delete?: readonly string[]
}

export interface ResponseHeaderOperations extends HeaderOperations {
  /** Run when the response is written instead of now. */
  readonly deferred?: boolean
}

/** A field of the access log. Since 2.8. */
export interface LogAppendHandler extends Identified {
  readonly handler: 'log_append'
  readonly key: string
  readonly value: string
  /** Read it now, not when the request is over: an answer that breaks off has no end. Since 2.11. */
  readonly early?: boolean
}

export interface RequestBodyHandler extends Identified {
  readonly handler: 'request_body'
  /** Bytes; more is a 413. */
  readonly max_size: number
}

export interface ReverseProxyHandler extends Identified {
  readonly handler: 'reverse_proxy'
  readonly upstreams: readonly Upstream[]
  readonly transport?: Transport
  /** Applied after Caddy's own X-Forwarded-* values were set. */
  readonly headers?: {
    readonly request?: HeaderOperations
    readonly response?: ResponseHeaderOperations
  }
  /** Negative: after each write. Before 2.9 it also kept the upstream going after the client had left. */
  readonly flush_interval?: Duration
  /** How long an upgraded connection outlives a reload. Default 0: closed at once. Since 2.7. */
  readonly stream_close_delay?: Duration
}

export interface Upstream extends Identified {
  readonly dial: NetworkAddress
}

export type Transport = HttpTransport

/** No time limit but `dial_timeout` (3s) by default. */
export interface HttpTransport {
  readonly protocol: 'http'
  readonly dial_timeout?: Duration
  /** Ask the upstream for gzip and unpack it for clients that did not ask. Default true. */
  readonly compression?: boolean
  readonly keep_alive?: {
    readonly enabled?: boolean
    /** How long an unused connection is kept, default 2m. */
    readonly idle_timeout?: Duration
  }
}

export interface StaticResponseHandler extends Identified {
  readonly handler: 'static_response'
  /** A number, or a placeholder in a string. */
  readonly status_code?: number | string
  readonly headers?: HeaderValues
  readonly body?: string
  /** Close the connection afterwards. */
  readonly close?: boolean
}

/** Its own list of routes, run in order. */
export interface SubrouteHandler extends Identified {
  readonly handler: 'subroute'
  readonly routes: readonly Route[]
}

/** Variables of the request, `{http.vars.<name>}`, read at once. */
export interface VarsHandler {
  readonly handler: 'vars'
  readonly [name: string]: string
}

// TLS

export interface TlsApp extends Identified {
  readonly automation?: { readonly policies: readonly AutomationPolicy[] }
}

export interface AutomationPolicy extends Identified {
  readonly subjects?: readonly string[]
  readonly issuers?: readonly Issuer[]
  readonly get_certificate?: readonly CertificateManager[]
}

export type Issuer =
  | { readonly module: 'internal' }
  | { readonly module: 'acme'; readonly email?: string }

/** Where certificates come from at handshake. Since 2.5. */
export type CertificateManager =
  /** From tailscaled: Caddy must be root or named in TS_PERMIT_CERT_UID. */
  { readonly via: 'tailscale' } | { readonly via: 'http'; readonly url: string }

export interface PkiApp extends Identified {
  /** By name; `local` is the one the internal issuer uses. */
  readonly certificate_authorities?: Readonly<Record<string, CertificateAuthority>>
}

export interface CertificateAuthority extends Identified {
  /** Put the root into the machine's trust store; asks for a password. Default true. */
  readonly install_trust?: boolean
}

// caddy-tailscale (github.com/tailscale/caddy-tailscale), which stock Caddy does not hold

export interface TailscaleApp extends Identified {
  /** By the name that `tailscale/<name>:port` has. */
  readonly nodes: Readonly<Record<string, TailscaleNode>>
}

/** A machine of the tailnet. Without `auth_key`, which we never write, it joins with `$TS_AUTHKEY`. */
export interface TailscaleNode {
  readonly hostname?: string
  /** Default Tailscale's own. */
  readonly control_url?: string
}
