export type Kind = 'request' | 'response' | 'tools'

/** What was asked and answered: each part as gzipped JSON in base64, and only those that a grant asked for. */
export interface Capture {
  /** Of the row in the ledger. Writing the same id twice leaves the first. */
  readonly id: string
  /** Wall-clock ms since the epoch: kept so long from then on. */
  readonly at: number
  readonly request: string | null
  readonly response: string | null
  readonly tools: string | null
}

/** How long captures are kept. */
export interface Retention {
  /** ms; 0: none is ever stored, and what there is goes. */
  readonly duration: number
  /** What goes with time; the rest stays. */
  readonly purge: readonly ('captures' | 'tools')[]
  /** Only what an exporter has passed may go. */
  readonly requireExport: boolean
}
