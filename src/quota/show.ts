import type { Context } from 'hono'
import type { QuotaConfig } from '../config/config.ts'
import type { Env } from '../http/env.ts'
import type { Candidate } from '../upstream/upstream.ts'
import type { BucketState, QuotaLedger } from './ledger.ts'
import { bucketsOf } from './names.ts'

type Show = (c: Context<Env>, candidate?: Candidate) => BucketState[]

/** The buckets that this caller's requests are charged to: those for one candidate, or all of them. */
export const bucketsFor =
  (ledger: Pick<QuotaLedger, 'show'>, quotas: ReadonlyMap<string, QuotaConfig>): Show =>
  (c, candidate) => {
    const { caller } = c.get('auth')
    if (!caller || quotas.size === 0) return []
    const entries = c.get('permissions').entriesFor(candidate?.provider.id, candidate?.model)
    return ledger.show(bucketsOf(entries, caller, quotas))
  }

/** As hooks are told of them: by name. */
export const shownToHooks = (
  ledger: Pick<QuotaLedger, 'show'>,
  quotas: ReadonlyMap<string, QuotaConfig>,
) => {
  const show = bucketsFor(ledger, quotas)
  return (c: Context<Env>, candidate: Candidate) =>
    Object.fromEntries(
      show(c, candidate).map(({ bucket, balance, capacity, rate }) => [
        bucket,
        { current: balance, capacity, rate },
      ]),
    )
}
