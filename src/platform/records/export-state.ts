import type { RequestSummary } from './figures.ts'

/** How far an exporter is. Rows go out in the order in which they were written, which is not that of their times. */
export interface ExportState {
  /** Id of the last row that the other side has; null: none. */
  readonly done: string | null
  /** What is being sent: settled before it is, so that a second attempt is the same to the byte. */
  readonly batch: ExportBatch | null
  /** When something was last taken by the other side, ms since the epoch. */
  readonly doneAt: number | null
  /** Rows that the other side has. */
  readonly rows: number
}

export interface ExportBatch {
  /** Id of its last row. */
  readonly last: string
  /** Name of the object. */
  readonly object: string
  readonly rows: number
}

/** Both change nothing where somebody else was faster. */
export type ExportChange =
  | { readonly name: string; readonly after: string | null; readonly settle: ExportBatch }
  | { readonly name: string; readonly sent: string; readonly at: number }

/** Rows written after that one, oldest first. */
export interface ExportRowsAsked {
  readonly after: string | null
  /** The last one wanted; absent: as many as `limit` says. */
  readonly last?: string
  readonly limit: number
}

export type ExportRow = RequestSummary
