import type { MiddlewareHandler } from 'hono'
import type { QuotaConfig } from '../config/config.ts'
import type { Env } from '../http/env.ts'
import { Failure, retryAfter } from '../http/errors.ts'
import type { Platform, Store } from '../platform.ts'
import { priceOf } from '../prices/price.ts'
import type { Candidate, Price } from '../upstream/upstream.ts'
import { estimate } from './estimate.ts'
import type { QuotaLedger, Refusal } from './ledger.ts'
import { bucketsOf } from './names.ts'

export interface EnforceOptions {
  readonly ledger: Pick<QuotaLedger, 'use' | 'reserve'>
  readonly quotas: ReadonlyMap<string, QuotaConfig>
  readonly platform: Pick<Platform, 'clock' | 'log'>
}

/**
 * Holds back what a request may cost in every bucket that the caller's grants name, before it goes out. A provider whose
 * budget is used up is left out; when that is all of them, the request is refused.
 * @throws Failure `quota_exceeded`
 */
export const enforceQuotas = ({
  ledger,
  quotas,
  platform,
}: EnforceOptions): MiddlewareHandler<Env> => {
  ledger.use(quotas)
  return async function enforceQuotas(c, next) {
    const { caller } = c.get('auth')
    const candidates = c.get('candidates')
    const permissions = c.get('permissions')
    if (!caller) return next()
    const offers = candidates.map((candidate) => ({
      candidate,
      provider: candidate.provider.id,
      model: candidate.model,
      buckets: bucketsOf(
        permissions.entriesFor(candidate.provider.id, candidate.model),
        caller,
        quotas,
      ),
    }))
    if (offers.every(({ buckets }) => buckets.length === 0)) return next()
    const target = c.get('target')
    const prices = await pricesOf(candidates, platform)
    const priced = offers.map((offer, index) => ({
      ...offer,
      amounts: estimate(target, offer.candidate, prices[index]),
    }))
    // From here to the decision nothing is waited for, so no other request comes in between.
    const decision = ledger.reserve(c.get('requestId'), priced)
    if (decision.refused) {
      const { bucket: detail } = decision.refused
      const fields = {
        rid: c.get('requestId'),
        detail,
        login_name: caller.login,
        model: target.model,
      }
      platform.log('warn', 'quota.exceeded', fields)
      throw refusal(decision.refused)
    }
    if (decision.offers.length < candidates.length) {
      c.set(
        'candidates',
        decision.offers.map(({ candidate }) => candidate),
      )
    }
    await next()
  }
}

/** A price list that cannot be read is no reason to refuse anybody. */
const pricesOf = (
  candidates: readonly Candidate[],
  { clock, log }: EnforceOptions['platform'],
): Promise<(Price | undefined)[]> =>
  Promise.all(
    candidates.map(async (candidate) => {
      try {
        return (await priceOf(candidate, clock.now()))?.price
      } catch (error) {
        log('error', 'prices.unread', { reason: String(error) })
        return undefined
      }
    }),
  )

/** Asked again after this long where no time helps, in case somebody refills it, ms. */
const never = 86_400_000

/** Beyond this no client should wait in a loop of its own, s. */
const worthWaiting = 60

function refusal({ bucket, wait }: Refusal): Failure {
  const after = retryAfter(Number.isFinite(wait) ? wait : never)
  const until = Number.isFinite(wait) ? `Try again in ${after} s.` : 'It does not fill by itself.'
  return new Failure('quota_exceeded', `The budget "${bucket}" is used up. ${until}`, {
    headers: {
      'retry-after': after,
      // The SDKs of OpenAI and Anthropic heed it; without it they would ask again at once, twice.
      ...(Number(after) > worthWaiting && { 'x-should-retry': 'false' }),
    },
    reason: `quota_exceeded ${bucket}`,
  })
}

/** The store, for who writes lines of the ledger: what each did cost is charged, and written with it. */
export const settling = (
  store: Pick<Store, 'recordUsage'>,
  ledger: Pick<QuotaLedger, 'settle'>,
): Pick<Store, 'recordUsage'> => ({
  recordUsage: (row) => store.recordUsage(row, ledger.settle(row)),
})
