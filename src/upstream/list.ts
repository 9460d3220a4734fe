import type { Dialect, Provider } from './upstream.ts'

/** May this caller use this model of this provider? */
export type Allows = (provider: string, model: string) => boolean

/** A row of `GET /v1/models`: OpenAI's fields, Aperture's `supported_endpoints` and `metadata`, and what is known besides. */
export interface ModelRow {
  readonly id: string
  readonly object: 'model'
  /** Nobody tells us; OpenAI's clients want a number. */
  readonly created: 0
  readonly owned_by: string
  readonly supported_endpoints: readonly string[]
  readonly metadata: {
    readonly provider: {
      readonly id: string
      readonly name: string
      readonly description: string
      readonly requires_client_auth: false
      readonly upstream: string
    }
  }
  readonly context_length?: number
  readonly max_output_tokens?: number
  readonly loaded?: boolean
}

/** The list in OpenAI's shape: one row per provider and model, enabled and allowed ones only. */
export const modelRows = (
  providers: readonly Provider[],
  allows: Allows,
): { readonly object: 'list'; readonly data: readonly ModelRow[] } => ({
  object: 'list',
  data: visible(providers, allows).map(([provider, model]) => row(provider, model)),
})

/** The list in Anthropic's shape, on one page; ids that several providers serve appear once. */
export function anthropicModelList(providers: readonly Provider[], allows: Allows) {
  const speaking = providers.filter(({ dialects }) => dialects.has('anthropic_messages'))
  const ids = [...new Set(visible(speaking, allows).map(([, model]) => model))]
  return {
    data: ids.map((id) => ({
      type: 'model',
      id,
      display_name: id,
      // Unknown; the API asks for a date and documents the epoch for that case.
      created_at: '1970-01-01T00:00:00Z',
    })),
    has_more: false,
    first_id: ids[0] ?? null,
    last_id: ids.at(-1) ?? null,
  }
}

const visible = (providers: readonly Provider[], allows: Allows) =>
  providers
    .filter(({ disabled }) => !disabled)
    .flatMap((provider) =>
      [...new Set(provider.models)]
        .filter((model) => allows(provider.id, model))
        .map((model) => [provider, model] as const),
    )

function row(provider: Provider, model: string): ModelRow {
  const { contextLength, maxOutputTokens, loaded, ownedBy } = provider.details.get(model) ?? {}
  return {
    id: model,
    object: 'model',
    created: 0,
    owned_by: ownedBy ?? provider.id,
    supported_endpoints: [...provider.dialects].map((dialect) => endpoints[dialect]),
    metadata: {
      provider: {
        id: provider.id,
        name: provider.name,
        description: provider.description ?? '',
        requires_client_auth: false,
        upstream: upstreamKind(provider),
      },
    },
    ...(contextLength !== undefined && { context_length: contextLength }),
    ...(maxOutputTokens !== undefined && { max_output_tokens: maxOutputTokens }),
    ...(loaded !== undefined && { loaded }),
  }
}

const endpoints: Readonly<Record<Dialect, string>> = {
  openai_chat: '/v1/chat/completions',
  openai_responses: '/v1/responses',
  anthropic_messages: '/v1/messages',
}

/** What kind of server this is, never where: Aperture's clients take an empty value for a broken answer. */
const upstreamKind = ({ server, dialects }: Provider): string =>
  server ??
  (dialects.has('openai_chat') || dialects.has('openai_responses') ? 'openai' : 'anthropic')
