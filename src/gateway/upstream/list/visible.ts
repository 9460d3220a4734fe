import type { Dialect, ModelDetails, Provider } from '../../../platform/upstream.ts'

/** May this caller use this model of this provider? */
export type Allows = (provider: string, model: string) => boolean

/** A model as one provider has it. */
export interface Offer {
  readonly provider: Provider
  readonly model: string
  readonly details: ModelDetails
}

/** What a caller may use: enabled providers in the order in which they are asked, each model once for each of them. */
export const visible = (providers: readonly Provider[], allows: Allows): readonly Offer[] =>
  providers
    .filter(({ disabled }) => !disabled)
    .toSorted((a, b) => b.preference - a.preference)
    .flatMap((provider) =>
      [...new Set(provider.models)]
        .filter((model) => allows(provider.id, model))
        .map((model) => ({ provider, model, details: provider.details.get(model) ?? {} })),
    )

/** The same for clients of one dialect, whose lists know no providers: each id once. */
export const visibleIn = (
  dialect: Dialect,
  providers: readonly Provider[],
  allows: Allows,
): readonly Offer[] => {
  const speaking = providers.filter(({ dialects }) => dialects.has(dialect))
  const offers = new Map<string, Offer>()
  for (const offer of visible(speaking, allows)) {
    if (!offers.has(offer.model)) offers.set(offer.model, offer)
  }
  return [...offers.values()]
}

/** The path that a dialect is spoken on. */
export const endpoints: Readonly<Record<Dialect, string>> = {
  openai_chat: '/v1/chat/completions',
  openai_responses: '/v1/responses',
  anthropic_messages: '/v1/messages',
  gemini_generate_content: '/v1beta/models/{model}:generateContent',
  google_generate_content:
    '/v1/projects/{project}/locations/{region}/publishers/google/models/{model}:generateContent',
  google_raw_predict:
    '/v1/projects/{project}/locations/{region}/publishers/anthropic/models/{model}:rawPredict',
  bedrock_model_invoke: '/bedrock/model/{model}/invoke',
  bedrock_converse: '/bedrock/model/{model}/converse',
  ollama: '/ollama/api/chat',
}
