import type { HeaderList } from '../../platform/upstream.ts'
import { type Json, object } from './json.ts'

/**
 * How a request is to be served, or was, where that may have another price than the list's: as requests and answers write
 * it.
 */
export interface Serving {
  readonly service_tier?: string
  readonly speed?: string
  readonly inference_geo?: string
}

/**
 * What an event or a body says of that: OpenAI's and Amazon's answers at their top, Anthropic's in its usage, Google's as
 * a kind of traffic. The last word counts, but for one that leaves it open.
 */
export const servingIn = (event: Json, before: Serving): Serving => {
  const usage = object(event.usage) ?? object(object(event.message)?.usage)
  const metadata = object(event.usageMetadata) ?? object(object(event.response)?.usageMetadata)
  const tier =
    text(event.service_tier) ??
    text(object(event.response)?.service_tier) ??
    text(usage?.service_tier) ??
    text(object(event.serviceTier)?.type) ??
    text(metadata?.serviceTier) ??
    text(metadata?.trafficType)
  const speed = text(usage?.speed)
  const geo = text(usage?.inference_geo)
  if (tier === undefined && speed === undefined && geo === undefined) return before
  return {
    ...before,
    ...(tier !== undefined && tier !== 'auto' && { service_tier: tier }),
    ...(speed !== undefined && { speed }),
    ...(geo !== undefined && { inference_geo: geo }),
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Answers that say it in their head. */
const headers = new Set(['x-gemini-service-tier', 'x-amzn-bedrock-service-tier'])

export const servingOf = (told: HeaderList): Serving => {
  const tier = told.find(([name]) => headers.has(name))?.[1]
  return tier === undefined ? {} : { service_tier: tier }
}
