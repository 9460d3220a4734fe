import type { UsageRow } from '../../platform/records/usage.ts'
import type { Candidate } from '../../platform/upstream.ts'
import type { Serving } from '../dialect/serving.ts'
import { costOf } from '../prices/cost.ts'
import { basisOf, billedBy, type Priced, priceOf } from '../prices/price.ts'
import type { Used } from './used.ts'

export type Charge = Pick<UsageRow, 'costNanousd' | 'costBasis'>

/** Nobody can say what it cost, which is not the same as nothing. */
export const unknownCharge: Charge = { costNanousd: null, costBasis: null }
const nothing: Charge = { costNanousd: 0, costBasis: null }

/**
 * What a request cost. Without any work for the client it cost nothing: providers bill no errors.
 * @param when `at`: its start, ms since the epoch; `ms` that the provider worked
 * @param serving as the request wants to be served, and as the answer says that it was
 */
export const chargeFor = (
  candidate: Candidate | undefined,
  { counts, worked }: Pick<Used, 'counts' | 'worked'>,
  when: { readonly at: number; readonly ms: number },
  serving: Serving,
): Charge | Promise<Charge> => {
  if (!worked || candidate === undefined) return nothing
  const billed = billedBy(candidate, counts?.billed)
  if (billed !== undefined) return { costNanousd: billed, costBasis: `billed/${candidate.model}` }
  const charge = (priced: Priced | undefined): Charge => {
    if (priced === undefined) return unknownCharge
    const costNanousd = costOf(priced.price, { counts, ms: when.ms })
    return costNanousd === null ? unknownCharge : { costNanousd, costBasis: basisOf(priced) }
  }
  const priced = priceOf(candidate, when.at, serving)
  return priced instanceof Promise ? priced.then(charge) : charge(priced)
}
