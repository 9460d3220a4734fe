import type { Dialect, Price, ProviderLimits } from '../upstream/upstream.ts'
import type { ProviderConfig } from './config.ts'
import type { ConfigFile } from './schema.ts'

const DIALECTS: readonly Dialect[] = [
  'openai_chat',
  'openai_responses',
  'anthropic_messages',
  'gemini_generate_content',
  'google_generate_content',
  'google_raw_predict',
  'bedrock_model_invoke',
  'bedrock_converse',
]

type ProviderFile = ConfigFile['providers'][string]

/** Providers by id, in the order of the file. */
export const buildProviders = (
  file: ConfigFile['providers'],
): ReadonlyMap<string, ProviderConfig> =>
  new Map(Object.entries(file).map(([id, provider]) => [id, toProvider(id, provider)]))

function toProvider(id: string, file: ProviderFile): ProviderConfig {
  const { apikey } = file
  return {
    baseurl: file.baseurl,
    models: file.models.filter((model) => model !== '*'),
    apikey: typeof apikey === 'string' ? apikey : '',
    serviceAccount: typeof apikey === 'string' ? undefined : apikey,
    authorization: file.authorization,
    authMode: file.auth_mode || 'override',
    name: file.name || id,
    description: file.description,
    dialects: dialectsOf(file.compatibility),
    geminiByVertex: file.compatibility.experimental_gemini_cli_vertex_compat ?? false,
    preference: file.preference,
    disabled: file.disabled,
    addHeaders: file.add_headers,
    costBasis: file.cost_basis || undefined,
    modelCostMap: file.model_cost_map,
    prices: new Map(Object.entries(file.prices).map(([model, price]) => [model, toPrice(price)])),
    contextLength: file.context_length,
    maxOutputTokens: file.max_output_tokens,
    limits: toProviderLimits(file.limits),
    upstream: file.upstream,
  }
}

const toPrice = (file: ProviderFile['prices'][string]): Price => {
  const price = {
    input: file.input,
    output: file.output,
    inputCacheRead: file.input_cache_read,
    inputCacheWrite: file.input_cache_write,
    inputCacheWrite1h: file.input_cache_write_1h,
    internalReasoning: file.internal_reasoning,
    webSearch: file.web_search,
  }
  return Object.fromEntries(Object.entries(price).filter(([, usd]) => usd !== undefined))
}

const toProviderLimits = ({
  concurrency,
  queue,
  first_byte,
}: ProviderFile['limits']): ProviderLimits => ({
  queue,
  ...(concurrency !== undefined && { concurrency }),
  ...(first_byte !== undefined && { firstByte: first_byte }),
})

/** `openai_chat` is on by default, but once another flag is true and it is not mentioned, it is cleared. */
export function dialectsOf(flags: ProviderFile['compatibility']): ReadonlySet<Dialect> {
  const otherIsOn = Object.entries(flags).some(([name, on]) => on && name !== 'openai_chat')
  const effective: Partial<Record<Dialect, boolean | undefined>> = {
    ...flags,
    openai_chat: flags.openai_chat ?? !otherIsOn,
    gemini_generate_content:
      flags.gemini_generate_content || flags.experimental_gemini_cli_vertex_compat,
  }
  return new Set(DIALECTS.filter((dialect) => effective[dialect]))
}
