import type { GrantEntry, ListenerConfig } from '../../config/config.ts'
import type { Reading } from '../../platform/answer.ts'
import type { Caller, Door } from '../../platform/caller.ts'
import type { Guess, IdentityFailure } from '../../platform/records/auth-failure.ts'
import type { Outcome, UsageRow } from '../../platform/records/usage.ts'
import type { Attempt, Candidate } from '../../platform/upstream.ts'
import type { Bounds } from '../dialect/body/bounds.ts'
import type { InlineFile } from '../dialect/body/files.ts'
import type { JsonBody } from '../dialect/body/json-body.ts'
import type { OtherModels } from '../dialect/body/other-models.ts'
import type { SentBody } from '../dialect/body/sent-body.ts'
import type { Address, Operation } from '../dialect/operations.ts'
import type { ClientDisconnect } from './disconnect.ts'
import type { Framing } from './framing.ts'

/** What the adapter knows about a connection. */
export interface Bindings {
  readonly listener: ListenerConfig
  /** IP address of the socket's other end, or `unix`. */
  readonly peer: string
  /** Port of the socket's other end; 0 for a socket file. */
  readonly peerPort: number
  /** Absent where connections are not ours (Workers). */
  readonly connection?: Connection
  /** Verdict on the raw request line and header list, and the one canonical target. */
  readonly framing: Framing
  /**
   * Cuts the connection after what was already written, so that the client sees an unfinished answer.
   * Absent where failing the body does the same.
   */
  readonly truncate?: () => void
  /** Absent where the request's own signal is what tells. */
  readonly disconnect?: ClientDisconnect
  /** Present when the client asks to switch to WebSocket: joins it to this server and answers what that said. */
  readonly upgrade?: (target: UpgradeTarget) => Promise<Response>
}

/** The connection that a request came on. */
export interface Connection {
  /** `clock.elapsed()` when it was accepted. */
  readonly openedAt: number
  /** Its listener was declared otherwise when it was accepted. */
  readonly outdated: boolean
  /** Takes no further request after this one. */
  retire(): void
}

/** Where a WebSocket leads, and with which headers it is asked for. */
export interface UpgradeTarget {
  readonly origin: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Called once when the client's connection is closed, whether it was joined or not. */
  readonly closed: () => void
}

/** What a request carries from stage to stage. Each line says who writes it; nobody changes it afterwards. */
export interface Variables {
  /** http/request-id */
  requestId: string
  /** http/request-id: `clock.elapsed()` at arrival */
  startedAt: number
  /**
   * proxy/reverse-proxy, http/on-error: the answer whose headers hold id and time already. Asked for its headers, a
   * Response makes a list of them, which costs more than writing them (docs/decisions/061).
   */
  timingWritten?: Response
  /** http/guards/client-address */
  client: Client
  /** identity/authenticate */
  auth: Auth
  /** usage/meter */
  meter: Meter
  /** policy/guards: what this caller may do */
  permissions: Permissions
  /** proxy/target */
  target: Target
  /** policy/guards: where this caller may have it served, best first; never empty. quota/enforce leaves out who has no budget left. */
  candidates: readonly Candidate[]
  /** hooks: what goes out in place of `target`, where a guard was asked */
  guarded?: Target
  /** hooks: sees the answer, where somebody is told of it */
  tap?: Tap
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
  /** Loopback, a trusted proxy or a socket: shutting it out would ban everybody behind it. */
  readonly unbannable: boolean
  /** The socket's other end is a proxy that the listener trusts. */
  readonly proxied: boolean
  /** Host as the client wrote it, port included: of the Host header, or what a front that replaces it tells. */
  readonly host: string
  /** The client speaks TLS, to us or to the front. */
  readonly secure: boolean
  /** Internet traffic that tailscaled's Funnel marked. */
  readonly funnel: boolean
}

/** `user` is the name that was tried, for the log; it proves nothing. `retryAfter` in ms. */
export type Auth =
  | { readonly caller: Caller; readonly failure?: undefined }
  | {
      readonly caller?: undefined
      readonly failure: IdentityFailure
      readonly user: string
      /** ms */
      readonly retryAfter?: number
      /** Present where this failure counts as a guess. */
      readonly guess?: Guess
    }

/** What one caller may do: the union of the grants that name them and of those the tailnet's policy brings along. */
export interface Permissions {
  readonly role?: 'user' | 'admin'
  readonly readMetrics: boolean
  readonly readPricing: boolean
  /** May they look for requests by this header? */
  filters(header: string): boolean
  /** Capabilities of the configuration's grants that are not ours to read, by name. */
  readonly capabilities: ReadonlyMap<string, readonly unknown[]>
  allows(provider: string, model: string): boolean
  /** May they use this family of what a provider keeps for the gateway's account (dialect/resources)? */
  allowsResource(provider: string, family: string): boolean
  /** Entries that go for requests for this model, those for every model among them; without one, all entries. */
  entriesFor(provider?: string, model?: string): readonly GrantEntry[]
}

/** What stands for the model of a request that names none and that its provider is to choose. */
export const DEFAULT_MODEL = '(default)'

/**
 * What stands for the model of a request that asks none, or that leads to models which it does not name: entries of grants
 * go for it that go for any model of its provider.
 */
export const ANY_MODEL = '(any)'

/** What a request is for, and what is to be sent for it. */
export interface Target {
  /** It costs nothing, so it needs no budget. */
  readonly free?: boolean
  /** Default: POST. */
  readonly method?: string
  /** It makes the provider work, and no answer says how much: no budget in dollars, tokens or compute can hold. */
  readonly unmetered?: boolean
  /** An answer without a body is a good one. */
  readonly mayBeEmpty?: boolean
  readonly operation: Operation
  /** As the client wrote it, `provider/` prefix included; undefined: the request names none. */
  readonly model: string | undefined
  /** A provider may choose a model where the request names none. */
  readonly modelOptional: boolean
  /** Models that the body names beside `model`: each needs the same grant. */
  readonly otherModels: OtherModels
  readonly stream: boolean
  /** The client itself asked for the usage frame of a stream. */
  readonly usageAsked: boolean
  /** Bytes of the body, once inflated. */
  readonly size: number
  readonly contentType: string
  /** `Content-Type` of what `forward` makes, where it is another. */
  readonly sentType?: string
  /** Files in the body; what is left of `size` is text. */
  readonly files: readonly InlineFile[]
  /** What the body says of the length of the answer. */
  readonly bounds: Bounds
  /** Fields by which a request chooses another price: `service_tier`, `speed`, `inference_geo`. */
  readonly pricingHints: Readonly<Record<string, string>>
  /**
   * The body to send to a provider that knows the model by this name.
   * @param asksUsage a chat that streams asks for its usage, whether its client did or not; default true
   */
  forward(upstreamModel: string, asksUsage?: boolean): Uint8Array | SentBody | null
  /** For who looks into it; absent for a form. */
  readonly body?: TargetBody
  /** Where to send it there, and the query to send along, with its `?`. */
  address(candidate: Candidate): Address & { readonly search: string }
  /** The body is read again when the answer is complete. */
  keep(): void
  /** It was sent: unless something still needs it, it is let go. */
  sent(): void
  /** The request is over: what its body took is free for others. Harmless when called again. */
  release(): void
}

export interface TargetBody {
  readonly read: JsonBody
  /** All of it parsed, when it is first asked for. */
  readonly json: Readonly<Record<string, unknown>>
  /**
   * The same request with another body, as JSON; model and stream stay as the client asked.
   * @throws Failure when that could not be sent
   */
  replace(changed: Uint8Array): Target
}

/** Adds another watcher to an answer that is watched already. */
export type Tap = (candidate: Candidate, head: AnswerHead, watch: BodyWatch) => BodyWatch

export interface AnswerHead {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** How the body is read, once its first bytes have passed. */
  readonly reading?: Reading | undefined
}

/** Collects what the ledger row will need; each stage tells what it alone knows. */
export interface Meter {
  /** Which conversation the request belongs to; null before it was asked. */
  readonly sessionId: string | null
  /** What the client calls it, or what it is for by its content; null: nothing tells. */
  readonly label: string | null
  /** Its line in the ledger, once it is over. */
  readonly line: Promise<UsageRow>
  asked(target: Target): void
  /**
   * No usage is estimated for this request: it begins or fetches work that another answer reports.
   * @param counts the usage that its answer reports is charged
   */
  chargeReportedOnly(counts: boolean): void
  /** It waited so many ms for a place at a provider. */
  queued(ms: number): void
  /** The request goes out to this upstream now. */
  sending(candidate: Candidate): void
  /** The upstream that it went to did not answer. */
  missed(why: Attempt): void
  /** An answer begins: what passes its body on reports each piece. */
  answered(candidate: Candidate, head: AnswerHead): BodyWatch
}

/** How the passing on of an answer ended. */
export type AnswerOutcome = Exclude<Outcome, 'rejected'>

/** Sees an answer's body pass. `push` and `flush` return what goes on to the client, usually the very same bytes. */
export interface BodyWatch {
  /** An answer without a single byte is a failure: its head waits for its first byte. */
  readonly required?: boolean
  /** What is known of the answer. Its head waits until its first bytes have decided how it is read, unless `agreed`. */
  readonly reading?: Reading
  push(chunk: Uint8Array): Uint8Array | null
  /** Called once, when the answer is complete. */
  flush(): Uint8Array | null
  /**
   * Called once, at the end of whatever kind. `cut`: we stopped it.
   * @param errorCode the provider's, of at most 64 characters, or ours; absent where all was well
   */
  done(outcome: AnswerOutcome, errorCode?: string): void
}
