import type { ListenerConfig } from '../config/config.ts'
import type { Caller, Door } from '../identity/caller.ts'
import type { IdentityFailure } from '../identity/failure.ts'
import type { Candidate, Dialect } from '../upstream/upstream.ts'
import type { Framing } from './framing.ts'

/** What the adapter knows about a connection. */
export interface Bindings {
  readonly listener: ListenerConfig
  /** IP address of the socket's other end, or `unix`. */
  readonly peer: string
  /** Verdict on the raw request line and header list, and the one canonical target. */
  readonly framing: Framing
}

/** What a request carries from stage to stage. Each line says who writes it; nobody changes it afterwards. */
export interface Variables {
  /** http/request-id */
  requestId: string
  /** http/request-id: `clock.elapsed()` at arrival */
  startedAt: number
  /** http/client-address */
  client: Client
  /** identity/authenticate */
  auth: Auth
  /** upstream/select */
  target: Target
  /** usage/meter: what the row will need, set by whoever knows */
  notes: Notes
}

export interface Env {
  Bindings: Bindings
  Variables: Variables
}

export interface Client {
  /** Canonical IP; IPv4-mapped IPv6 is IPv4. `unix` when a socket peer told us nothing. */
  readonly ip: string
  /** What limits and bans count by: the IPv4 address or the IPv6 /64. */
  readonly key: string
  readonly door: Door
  readonly loopback: boolean
  /** Loopback, a trusted proxy or a socket: shutting it out would shut out everybody behind it. */
  readonly unbannable: boolean
}

/** `user` is the name that was tried, for the log; it proves nothing. */
export type Auth =
  | { readonly caller: Caller }
  | {
      readonly caller?: undefined
      readonly failure: IdentityFailure
      readonly user: string
      readonly retryAfter?: number
    }

export interface Target {
  readonly dialect: Dialect
  /** Operation to join to a provider's base, e.g. `chat/completions`. */
  readonly operation: string
  /** As the client wrote it. */
  readonly model: string
  readonly candidates: readonly Candidate[]
  readonly body: Uint8Array
  readonly stream: boolean
}

export interface Notes {
  bytesIn: number
}
