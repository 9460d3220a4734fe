import type { Machine } from './machine.ts'
import type { Family } from './metric.ts'
import type { Act } from './records/act.ts'
import type { KeyRing, KeyUse } from './records/api-key.ts'
import type { Charge, KeptQuotas, QuotaChange, Refill } from './records/balance.ts'
import type { Ban } from './records/ban.ts'
import type { Capture, Retention } from './records/captured.ts'
import type { ExportChange } from './records/export-state.ts'
import type { Ask } from './records/questions.ts'
import type { StoredResponse } from './records/stored-response.ts'
import type { AuthFailureRow, UsageRow } from './records/usage.ts'
import type { Send } from './upstream.ts'

/**
 * What a host supplies: the only way the core reaches time, randomness, the network, the database or the log.
 * `setTimeout`, `URL`, `TextEncoder`, streams and `AbortController` are the same on every runtime and used directly.
 */
export interface Platform {
  readonly clock: Clock
  /** UUIDv7, for rows and request ids. */
  readonly newId: () => string
  /** Bytes that nobody can foresee. */
  readonly random: (count: number) => Uint8Array
  readonly send: Send
  readonly passwords: PasswordVerifier
  /**
   * Keyed digest (HMAC-SHA-256 under a pepper that lives only in this process) of a whole secret: the only form in
   * which a credential may be a map key.
   */
  readonly fingerprint: (secret: string) => string | Promise<string>
  readonly store: Store
  readonly log: Log
  /** Where tailscaled can be asked; absent on hosts that have none (Workers). */
  readonly tailscale?: LocalApi
  /** 32 bytes or more, known to this gateway only and the same after a restart: signs browser sessions. */
  readonly sessionSecret: Uint8Array
  /** What only the host can count, for `/metrics`: its process, and what waits for the database. */
  readonly processMetrics?: () => readonly Family[]
  /** The files that our pages load, by name; absent: they come without. */
  readonly assets?: Readonly<Record<string, string>>
  /** What the host can find out about itself for the doctor; absent: nothing (Workers). */
  readonly machine?: Machine
  /** How bodies and answers that came packed are unpacked. */
  readonly inflate: Inflate
  /** Absent: this gateway counts for itself. */
  readonly shared?: Shared | undefined
  /** Keeps work alive that outlasts the response. Failures are logged, never thrown. */
  readonly waitUntil: (work: Promise<unknown>) => void
}

/** Undoes content codings (RFC 9110 §8.4.1). */
export interface Inflate {
  /** Those that the host can undo, as `Content-Encoding` names them. */
  readonly codings: readonly string[]
  /** Inflates as it is read from. Rejects where the bytes are not of that coding, or end too early. */
  open(coding: string, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

/**
 * Counts and news that several gateways share. Each call rejects when the others cannot be asked in a moment: every
 * gateway then decides by what it knows itself.
 */
export interface Shared {
  /** Takes one of `events` in `window` ms. Resolves with ms to wait when none is left, else 0. */
  take(bucket: string, rate: { readonly events: number; readonly window: number }): Promise<number>
  /** Counts a wrong guess, once for each mark; resolves with how many there were within `window` ms. */
  fail(address: string, window: number, mark: string): Promise<number>
  /** Begins the count of an address anew. */
  forget(address: string, window: number): Promise<void>
  /** Tells the others of a ban. */
  announce(ban: Ban): Promise<void>
  /** Called with bans that others imposed. */
  onBan(listener: (ban: Ban) => void): void
  /** Why the others cannot be asked, without a secret; undefined: they can. */
  trouble(): string | undefined
}

export interface Clock {
  /** Wall clock, ms since the epoch: for timestamps only. */
  now(): number
  /** Never goes back, ms with fractions: for every duration, window and deadline. */
  elapsed(): number
}

/**
 * One question to tailscaled's LocalAPI, `/localapi/v0/…`. Resolves with whatever was answered, up to a megabyte of it;
 * rejects when nothing was (`NoTailscaled`: nothing is there), when it was more, or with the signal's reason. The caller
 * sets the time limit.
 */
export type LocalApi = (request: LocalApiRequest) => Promise<LocalApiAnswer>

export interface LocalApiRequest {
  readonly path: string
  readonly signal: AbortSignal
  /** Default GET. */
  readonly method?: 'GET' | 'POST'
  readonly ifMatch?: string
  readonly body?: string
}

export interface LocalApiAnswer {
  readonly status: number
  readonly etag: string | null
  readonly body: string
}

/** There is no tailscaled where it could be asked. */
export class NoTailscaled extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NoTailscaled'
  }
}

export interface PasswordVerifier {
  /**
   * Runs the hash off the event loop.
   * Rejects with `VerifierBusy` when the queue is full, with the signal's reason when the client left first.
   */
  verify(password: string, hash: string, signal?: AbortSignal): Promise<boolean>
}

/** The queue of password checks is full: answer 503, count nothing. */
export class VerifierBusy extends Error {
  constructor() {
    super('password checks are queued to the limit')
    this.name = 'VerifierBusy'
  }
}

/** Writes resolve once they would survive `kill -9`; none of them is waited for on a request's path, but a new ban. */
export interface Store {
  /** With what it takes out of buckets, in one transaction: both once, however often it is tried. */
  recordUsage(row: UsageRow, charges?: readonly Charge[]): Promise<void>
  recordAuthFailure(row: AuthFailureRow): Promise<void>
  saveBan(ban: Ban): Promise<void>
  /** Bans in force, and lapsed ones young enough to double the next. */
  loadBans(): Promise<readonly Ban[]>
  /** Called when another process (the CLI) changed the bans. */
  onBansChanged(listener: (bans: readonly Ban[]) => void): void
  /** API keys, revoked ones too, and what signatures count. Rejects when the database does not tell. */
  loadKeys(): Promise<KeyRing>
  /** Called when another process (the CLI) changed them, and when they could be read at last. */
  onKeysChanged(listener: (ring: KeyRing) => void): void
  /** Notes when a key was last used; not asked more than once a minute for each. */
  recordKeyUse(use: KeyUse): Promise<void>
  /**
   * Others may charge the same buckets in the same database: ask it for them (`quotas`) now and then. Where that is
   * impossible, `onQuotas` tells them once.
   */
  readonly shared: boolean
  /** Called with the buckets as they were kept, as soon as they could be read, and with refills to do whenever there are. */
  onQuotas(listener: QuotaListener): void
  changeQuotas(change: QuotaChange): Promise<void>
  /** What was asked and answered, as far as it is to be kept. */
  saveCapture(capture: Capture): Promise<void>
  /** From now on captures are kept so long; the store removes older ones by itself. */
  keepCaptures(retention: Retention): void
  /** Whose a response is that a provider keeps. */
  saveResponse(response: StoredResponse): Promise<void>
  /** Notes how far an exporter is. */
  saveExport(change: ExportChange): Promise<void>
  /** Writes an act and what it changes, in one transaction. */
  record(act: Act): Promise<void>
  /** Asks the database, off the request's path of everybody else. Rejects when it does not answer. */
  ask: Ask
  /** Is the database answering? For `/readyz`; must not block. */
  healthy(): boolean
}

export interface QuotaListener {
  readonly kept: (kept: KeptQuotas) => void
  readonly refills: (refills: readonly Refill[]) => void
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One JSON line: `ts`, then `ip` if there is one, then `evt`, then the rest. Values are cut and escaped by the host. */
export type Log = (level: LogLevel, evt: string, fields?: LogFields) => void

export interface LogFields {
  readonly ip?: string
  readonly [name: string]: string | number | boolean | null | undefined
}
