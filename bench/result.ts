import type { Percentiles } from './load/samples.ts'

/** What one run found out: `bench/results/*.json`. Times in ms, memory in bytes. */
export interface Result {
  readonly kind: 'full' | 'quick' | 'guard'
  readonly date: string
  /** Of the tree that was measured, `+` after it when files in it were changed. */
  readonly commit: string
  readonly machine: Machine
  readonly rounds: number
  readonly peers: readonly PeerResult[]
  /** What was not measured, and why. */
  readonly missing: readonly Missing[]
  readonly flood?: readonly FloodResult[]
  readonly locked?: LockedResult
  /** What `bench/ledger.ts` found. */
  readonly ledger?: LedgerResult
  readonly pages?: PagesResult
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory: number
  readonly kernel: string
  readonly node: string
}

export interface Missing {
  readonly name: string
  readonly what: string
  readonly reason: string
}

export interface PeerResult {
  readonly name: string
  readonly title: string
  readonly does: string
  readonly version: string
  readonly startLine: string
  readonly coldStarts: readonly number[]
  readonly memory?: MemoryResult
  readonly requests: readonly RequestRound[]
  readonly streams: readonly StreamRound[]
}

export interface MemoryResult {
  /** Some seconds after the first answer. */
  readonly idle: number
  /** The most there was under load. */
  readonly peak: number
  /** Of each open stream; absent when they could not be held. */
  readonly perStream?: number
}

export interface RequestRound {
  /** Requests per second, many connections. */
  readonly rate: number
  readonly cpuPerThousand: number
  readonly p50: number
  readonly p99: number
  /** On one connection. */
  readonly alone: Pick<Percentiles, 'p50' | 'p99'>
}

export interface StreamRound {
  /** 10,000 frames a second were sent; as many came. */
  readonly framesPerSecond: number
  readonly cpuPerThousandFrames: number
  readonly delay: Percentiles
  /** To the first frame, at 100 streams. */
  readonly first: Percentiles
}

export interface FloodResult {
  readonly name: string
  readonly title: string
  /** Refusals per second. */
  readonly rate: number
  readonly cpuPerThousand: number
  readonly p99: number
}

export interface LockedResult {
  readonly seconds: number
  /** On one connection: before the lock, and while it was held. */
  readonly before: Pick<Percentiles, 'p50' | 'p99'>
  readonly during: Pick<Percentiles, 'p50' | 'p99'>
  /** Requests that were answered, and lines of the ledger after all of it. */
  readonly answered: number
  readonly recorded: number
}

export interface LedgerResult {
  readonly rows: number
  /** ms */
  readonly start: number
  /** How many were asked, several times each; the slowest of them; how many took more than 200 ms at least once. */
  readonly questions: number
  readonly slowest: { readonly what: string; readonly p50: number; readonly max: number }
  readonly slow: number
  /** Rows a second. */
  readonly written: number
}

export interface PagesResult {
  readonly rows: number
  readonly pages: number
  /** ms */
  readonly slowest: { readonly path: string; readonly p50: number; readonly max: number }
  /** Pages that took more than 200 ms at least once. */
  readonly slow: number
  /** Of a model's caller on one connection: while nobody looks at pages, and while somebody does. */
  readonly alone: Pick<Percentiles, 'p50' | 'p99'>
  readonly beside: Pick<Percentiles, 'p50' | 'p99'>
}
