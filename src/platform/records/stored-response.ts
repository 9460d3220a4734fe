/** A response that a provider stores, or may store, under an id of its own, and the caller that it belongs to. */
export interface StoredResponse {
  /** As the provider named it: `resp_…`. */
  readonly id: string
  readonly provider: string
  /** The provider's name of the model. */
  readonly model: string
  /** Of the caller that asked for it; any of their credentials may ask for it again. */
  readonly login: string
  /** ms since the epoch. */
  readonly at: number
  /** Its usage is on the ledger, so fetching it is free. False while it runs in the background. */
  readonly settled: boolean
}
