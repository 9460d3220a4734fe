import type { Candidate, Dialect, Modalities, Provider } from '../../../platform/upstream.ts'
import { ownPrice, type Priced } from '../../prices/price.ts'
import { pricing } from '../../prices/record.ts'
import { type Allows, endpoints, type Offer, visible } from './visible.ts'

/** A row of `GET /v1/models`: OpenAI's fields, Aperture's `supported_endpoints` and `metadata`, and what is known besides. */
export interface ModelRow {
  readonly id: string
  readonly object: 'model'
  /** s since the epoch; 0 where the server does not know, as OpenAI's clients want a number. */
  readonly created: number
  readonly owned_by: string
  readonly supported_endpoints: readonly string[]
  readonly metadata: { readonly provider: ProviderFields }
  readonly context_length?: number
  readonly max_output_tokens?: number
  readonly modalities?: Modalities
  readonly loaded?: boolean
  /** USD for one token, search, picture, …, as plain decimals; absent where nobody knows the price. */
  readonly pricing?: Readonly<Record<string, string>>
}

/** A provider of a model, in Aperture's fields. */
interface ProviderFields {
  readonly id: string
  readonly name: string
  readonly description: string
  /** The client's own credential is passed on. */
  readonly requires_client_auth: boolean
  readonly upstream: string
}

/** One row per provider and model, enabled and allowed ones only; of a model, the provider that is asked first stands first. */
export const modelRows = (
  providers: readonly Provider[],
  allows: Allows,
  priceOf: PriceOf = ownPrice,
): readonly ModelRow[] => visible(providers, allows).map((offer) => row(offer, priceOf(offer)))

/** One row for a model of several providers. What it says of one provider holds for the first that is tried. */
export interface SharedModelRow extends ModelRow {
  readonly metadata: ModelRow['metadata'] & { readonly providers: readonly ProviderFields[] }
}

/** The list in OpenAI's shape, each model once. */
export const modelList = (
  rows: readonly ModelRow[],
): { readonly object: 'list'; readonly data: readonly SharedModelRow[] } => ({
  object: 'list',
  data: [...Map.groupBy(rows, ({ id }) => id).values()].map(shared),
})

const shared = (rows: readonly ModelRow[]): SharedModelRow => {
  const [first] = rows as readonly [ModelRow]
  const loaded = rows.some((each) => each.loaded) ? true : first.loaded
  return {
    ...first,
    created: rows.find(({ created }) => created > 0)?.created ?? 0,
    supported_endpoints: [...new Set(rows.flatMap((each) => each.supported_endpoints))],
    metadata: {
      ...first.metadata,
      providers: rows.map(({ metadata }) => metadata.provider),
    },
    ...(loaded !== undefined && { loaded }),
  }
}

export type PriceOf = (candidate: Candidate) => Priced | undefined

function row({ provider, model, details }: Offer, priced: Priced | undefined): ModelRow {
  const { contextLength, maxOutputTokens, modalities, loaded, ownedBy } = details
  return {
    id: model,
    object: 'model',
    created: details.created ?? 0,
    owned_by: ownedBy ?? provider.id,
    supported_endpoints: [...provider.dialects].map((dialect) => endpoints[dialect]),
    metadata: {
      provider: {
        id: provider.id,
        name: provider.name,
        description: provider.description ?? '',
        requires_client_auth: provider.authMode === 'passthrough',
        upstream: upstreamKind(provider),
      },
    },
    ...(contextLength !== undefined && { context_length: contextLength }),
    ...(maxOutputTokens !== undefined && { max_output_tokens: maxOutputTokens }),
    ...(modalities !== undefined && { modalities }),
    ...(loaded !== undefined && { loaded }),
    ...(priced && { pricing: pricing(priced.price) }),
  }
}

/** What kind of server this is, never where: Aperture's clients take an empty value for a broken answer. */
const upstreamKind = ({ upstream, server, dialects }: Provider): string => {
  const [first] = dialects
  return upstream ?? server ?? (first ? kinds[first] : 'unknown')
}

const kinds = {
  openai_chat: 'openai',
  openai_responses: 'openai',
  anthropic_messages: 'anthropic',
  gemini_generate_content: 'google',
  google_generate_content: 'vertex',
  google_raw_predict: 'vertex',
  bedrock_model_invoke: 'bedrock',
  bedrock_converse: 'bedrock',
  ollama: 'ollama',
} as const satisfies Record<Dialect, string>
