import type { Provider } from '../../../platform/upstream.ts'
import { type Allows, type Offer, visibleIn } from './visible.ts'

/** The list in Anthropic's shape, on one page; ids that several providers serve appear once. */
export function anthropicModelList(providers: readonly Provider[], allows: Allows) {
  const data = visibleIn('anthropic_messages', providers, allows).map(anthropicModel)
  return {
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  }
}

const anthropicModel = ({ model, details }: Offer) => ({
  type: 'model',
  id: model,
  display_name: model,
  // The API asks for a date and documents the epoch for one that is not known.
  created_at: new Date((details.created ?? 0) * 1000).toISOString().replace('.000', ''),
  max_input_tokens: details.contextLength ?? null,
  max_tokens: details.maxOutputTokens ?? null,
  // Their SDK's types ask for these; null is what the API has for them where there is nothing to say.
  lifecycle: 'active',
  capabilities: null,
  deprecated_at: null,
  line: null,
  retires_at: null,
})
