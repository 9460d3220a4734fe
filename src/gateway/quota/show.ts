import type { Context } from 'hono'
import type { QuotaConfig, QuotaUnit } from '../../config/config.ts'
import type { Candidate } from '../../platform/upstream.ts'
import type { Env } from '../http/env.ts'
import type { Bucket } from './bucket.ts'
import { type BucketRef, chainsOf, nameOf } from './names.ts'

/** A bucket as it is shown. */
export interface BucketState extends Pick<BucketRef, 'quota' | 'holder'> {
  readonly bucket: string
  readonly unit: QuotaUnit
  /** What is left, without what is held for open requests; of places, those that are free. */
  readonly balance: number
  readonly held: number
  readonly capacity: number
  /** As written; empty: it does not fill by itself. */
  readonly rate: string
  readonly spent: number
}

export const stateOf = (
  { quota, holder }: BucketRef,
  { limit, balance, held, spent }: Bucket,
): BucketState => ({
  quota,
  holder,
  bucket: nameOf({ quota, holder }),
  unit: limit.unit,
  balance: limit.unit === 'concurrent' ? limit.capacity - held : Math.floor(balance),
  held,
  capacity: limit.capacity,
  rate: limit.rate?.text ?? '',
  spent,
})

export interface Showing {
  readonly show: (refs: readonly BucketRef[]) => BucketState[]
}

type Show = (c: Context<Env>, candidate?: Candidate) => BucketState[]

/** The buckets that this caller's requests are charged to: those for one candidate, or all of them. */
export const bucketsFor =
  (ledger: Showing, quotas: ReadonlyMap<string, QuotaConfig>): Show =>
  (c, candidate) => {
    const { caller } = c.get('auth')
    if (!caller) return []
    const entries = c.get('permissions').entriesFor(candidate?.provider.id, candidate?.model)
    const refs = chainsOf(entries, caller, quotas).flat()
    return ledger.show([...new Map(refs.map((ref) => [nameOf(ref), ref])).values()])
  }

/** As hooks are told of them: by name. */
export const shownToHooks = (ledger: Showing, quotas: ReadonlyMap<string, QuotaConfig>) => {
  const show = bucketsFor(ledger, quotas)
  return (c: Context<Env>, candidate: Candidate) =>
    Object.fromEntries(
      show(c, candidate).map(({ bucket, balance, capacity, rate }) => [
        bucket,
        { current: balance, capacity, rate },
      ]),
    )
}
