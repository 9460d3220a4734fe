/** A response that a provider keeps, or may keep, under an id of its own: who it belongs to here. */
export interface KeptResponse {
  /** As the provider named it: `resp_…`. */
  readonly id: string
  readonly provider: string
  /** The provider's name of the model. */
  readonly model: string
  /** Of the caller that asked for it; any of their credentials may ask for it again. */
  readonly login: string
  /** ms since the epoch. */
  readonly at: number
  /** What it used is on the ledger: nothing that fetches it is charged. False for one that runs in the background. */
  readonly settled: boolean
}
