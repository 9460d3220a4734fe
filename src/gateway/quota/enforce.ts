import type { Context, MiddlewareHandler } from 'hono'
import type { QuotaConfig } from '../../config/config.ts'
import { Failure, retryAfter } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Candidate, Price } from '../../platform/upstream.ts'
import type { Serving } from '../dialect/serving.ts'
import { isWebuiTask } from '../dialect/webui-task.ts'
import { check } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import { priceOf } from '../prices/price.ts'
import { isCount } from '../tokens/answer.ts'
import type { Offer, Refusal } from './decide.ts'
import { estimate } from './estimate.ts'
import type { QuotaLedger } from './ledger.ts'
import { type ChainRef, chainsOf } from './names.ts'

export interface EnforceOptions {
  readonly ledger: Pick<QuotaLedger, 'use' | 'ready' | 'reserve'>
  readonly quotas: ReadonlyMap<string, QuotaConfig>
  /** Who is believed to be Open WebUI. */
  readonly webui?: { readonly speaksFor?: { readonly login: string } | undefined } | undefined
  readonly platform: Pick<Platform, 'clock' | 'log'>
}

/**
 * Holds back what a request may cost in every bucket that the caller's grants and key name, before it goes out. A
 * provider whose budget is used up is left out; when that is all of them, the request is refused.
 * @throws Failure `quota_exceeded`
 */
export const enforceQuotas = (options: EnforceOptions): MiddlewareHandler<Env> => {
  const { ledger, quotas, webui, platform } = options
  const speaker = webui?.speaksFor?.login
  ledger.use(quotas)
  const reserve = async (
    c: Context<Env>,
    charged: readonly (readonly ChainRef[])[],
  ): Promise<void> => {
    const candidates = c.get('candidates')
    const [offers] = await Promise.all([
      Promise.all(candidates.map((it, at) => offerOf(c, it, charged[at] ?? [], platform))),
      ledger.ready(),
    ])
    // From here to the decision nothing is waited for, so no other request comes in between.
    const decision = ledger.reserve(c.get('requestId'), offers)
    if (decision.refused) throw refusal(c, decision.refused, platform)
    if (decision.offers.length < candidates.length) {
      c.set(
        'candidates',
        decision.offers.map(({ candidate }) => candidate),
      )
    }
  }
  return check(function enforceQuotas(c) {
    if (c.get('target').free) return
    const { operation, model } = c.get('target')
    // No model is asked and nothing is paid, so that it passes even when a budget is used up.
    if (isCount(operation.operation, model)) return undefined
    const all = c.get('candidates').map((candidate) => chainsFor(c, candidate, quotas))
    const charged = isOwnTask(c, speaker) ? all.map((chains) => counting(chains, quotas)) : all
    return charged.every((chains) => chains.length === 0) ? undefined : reserve(c, charged)
  })
}

const chainsFor = (
  c: Context<Env>,
  { provider, model }: Candidate,
  quotas: EnforceOptions['quotas'],
): readonly ChainRef[] => {
  const { caller } = c.get('auth')
  return caller ? chainsOf(c.get('permissions').entriesFor(provider.id, model), caller, quotas) : []
}

/** Open WebUI asks by itself, with the credential that is its own: others may label what they like. */
const isOwnTask = (c: Context<Env>, speaker: string | undefined): boolean => {
  const { caller } = c.get('auth')
  return (
    speaker !== undefined &&
    (caller?.through ?? caller)?.login === speaker &&
    isWebuiTask(c.get('meter').label)
  )
}

/** Those that count it all the same. */
const counting = (
  chains: readonly ChainRef[],
  quotas: EnforceOptions['quotas'],
): readonly ChainRef[] =>
  chains.filter(([first]) => first && quotas.get(first.quota)?.limit?.webuiTasks !== 'free')

interface CandidateOffer extends Offer {
  readonly candidate: Candidate
}

const offerOf = async (
  c: Context<Env>,
  candidate: Candidate,
  chains: readonly ChainRef[],
  platform: EnforceOptions['platform'],
): Promise<CandidateOffer> => {
  const target = c.get('target')
  const price = await knownPrice(candidate, target.pricingHints, platform)
  return {
    candidate,
    provider: candidate.provider.id,
    model: candidate.model,
    chains,
    amounts: estimate(target, candidate, price),
    ...(price && { rates: price }),
    price: target.unmetered ? 'unmetered' : priceState(candidate, price),
  }
}

const priceState = (candidate: Candidate, price: Price | undefined): Offer['price'] => {
  if (price) return 'known'
  return isBilled(candidate) ? 'unknown' : 'unbilled'
}

/** A price list that cannot be read knows no price. */
const knownPrice = async (
  candidate: Candidate,
  serving: Serving,
  { clock, log }: EnforceOptions['platform'],
): Promise<Price | undefined> => {
  try {
    const priced = await priceOf(candidate, clock.now(), serving)
    if (priced?.tier === undefined) return priced?.price
    // Who asks for a cheaper tier may be served at the usual one.
    const listed = await priceOf(candidate, clock.now())
    return listed ? dearer(listed.price, priced.price) : priced.price
  } catch (error) {
    log('error', 'prices.unread', { reason: String(error) })
    return undefined
  }
}

const dearer = (one: Price, other: Price): Price => (usd(one) > usd(other) ? one : other)
const usd = ({ input = 0, output = 0 }: Price): number => input + output

/** Somebody says that it costs something, if not how much: docs/decisions/051. */
const isBilled = ({ provider }: Candidate): boolean =>
  provider.costBasis !== undefined ||
  (provider.modelCostMap?.length ?? 0) > 0 ||
  (provider.prices?.size ?? 0) > 0

/** Asked again after this long where no time helps, in case somebody refills it, ms. */
const never = 86_400_000

/** Beyond this no client should wait in a loop of its own, s. */
const worthWaiting = 60

const refusal = (
  c: Context<Env>,
  { bucket, wait, why }: Refusal,
  { log }: EnforceOptions['platform'],
): Failure => {
  const after = retryAfter(Number.isFinite(wait) ? wait : never)
  const detail = `${bucket}: ${why}`
  log('warn', 'quota.exceeded', {
    rid: c.get('requestId'),
    detail,
    login_name: c.get('auth').caller?.login,
    model: c.get('target').model,
  })
  const again = Number.isFinite(wait) ? ` Try again in ${after} s.` : ''
  return new Failure('quota_exceeded', `The budget "${bucket}" ${sentences[why]}.${again}`, {
    headers: {
      'retry-after': after,
      // The SDKs of OpenAI and Anthropic heed it; without it they would ask again at once, twice.
      ...(Number(after) > worthWaiting && { 'x-should-retry': 'false' }),
    },
    reason: `quota_exceeded ${detail}`,
  })
}

const sentences: Readonly<Record<Refusal['why'], string>> = {
  spent: 'is used up',
  busy: 'is held for requests that are under way',
  unpriced: 'cannot be enforced: this model has no known price',
  unmetered: 'cannot be kept: no answer says what this request uses',
  closed: 'cannot be read, so nothing passes: the configuration has to be corrected',
}
