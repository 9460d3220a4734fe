import type { Dialect, Price, ProviderLimits } from '../../platform/upstream.ts'
import type { ProviderConfig } from '../config.ts'
import type { ConfigFile } from '../schema.ts'
import { inferCostBasis } from './cost-basis.ts'

const DIALECTS: readonly Dialect[] = [
  'openai_chat',
  'openai_responses',
  'anthropic_messages',
  'gemini_generate_content',
  'google_generate_content',
  'google_raw_predict',
  'bedrock_model_invoke',
  'bedrock_converse',
  'ollama',
]

type ProviderFile = ConfigFile['providers'][string]

/** Providers by id, in the order of the file. */
export const buildProviders = (
  file: ConfigFile['providers'],
  autoCostBasis: boolean,
): ReadonlyMap<string, ProviderConfig> =>
  new Map(
    Object.entries(file).map(([id, provider]) => [id, toProvider(id, provider, autoCostBasis)]),
  )

function toProvider(id: string, file: ProviderFile, autoCostBasis: boolean): ProviderConfig {
  const { apikey } = file
  const dialects = dialectsOf(file.compatibility)
  return {
    baseurl: file.baseurl,
    models: file.models.filter((model) => model !== '*'),
    apikey: typeof apikey === 'string' ? apikey : '',
    serviceAccount: typeof apikey === 'string' ? undefined : apikey,
    authorization: file.authorization,
    authMode: file.auth_mode || 'override',
    name: file.name || id,
    description: file.description,
    dialects,
    dialectsGiven: file.compatibility !== undefined,
    version: file.version,
    traceContext: file.trace_context,
    geminiByVertex: file.compatibility?.experimental_gemini_cli_vertex_compat ?? false,
    preference: file.preference,
    disabled: file.disabled,
    addHeaders: file.add_headers,
    costBasis:
      file.cost_basis || (autoCostBasis ? inferCostBasis(file.baseurl, dialects) : undefined),
    costBasisInferred: file.cost_basis === '',
    // As Aperture has it: then only those that name a `cost_basis` have list prices.
    modelCostMap: autoCostBasis || file.cost_basis ? file.model_cost_map : [],
    prices: new Map(Object.entries(file.prices).map(([model, price]) => [model, toPrice(price)])),
    contextLength: file.context_length,
    maxOutputTokens: file.max_output_tokens,
    limits: toProviderLimits(file.limits),
    otherModels: file.other_models,
    streamOptions: file.stream_options,
    upstream: file.upstream,
  }
}

const toPrice = (file: ProviderFile['prices'][string]): Price => {
  const { watts, kwh, input_above_200k: inputAbove, output_above_200k: outputAbove } = file
  const power = watts !== undefined && kwh !== undefined ? (watts * kwh) / 3_600_000 : undefined
  const above = defined({ input: inputAbove, output: outputAbove })
  return defined({
    input: file.input,
    output: file.output,
    inputCacheRead: file.input_cache_read,
    inputCacheWrite: file.input_cache_write,
    inputCacheWrite1h: file.input_cache_write_1h,
    internalReasoning: file.internal_reasoning,
    image: file.image,
    inputAudio: file.input_audio,
    outputAudio: file.output_audio,
    audioHour: file.audio_hour,
    picture: file.picture,
    webSearch: file.web_search,
    request: file.request,
    second: power === undefined ? file.second : power + (file.second ?? 0),
    tiers: Object.keys(above).length > 0 ? [{ above: 200_000, ...above }] : undefined,
  })
}

const defined = <Given extends object>(given: Given): Defined<Given> =>
  Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Defined<Given>

type Defined<Given> = { readonly [Key in keyof Given]?: Exclude<Given[Key], undefined> }

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
export function dialectsOf(flags: ProviderFile['compatibility'] = {}): ReadonlySet<Dialect> {
  const otherIsOn = Object.entries(flags).some(([name, on]) => on && name !== 'openai_chat')
  const effective: Partial<Record<Dialect, boolean | undefined>> = {
    ...flags,
    openai_chat: flags.openai_chat ?? !otherIsOn,
    gemini_generate_content:
      flags.gemini_generate_content || flags.experimental_gemini_cli_vertex_compat,
  }
  return new Set(DIALECTS.filter((dialect) => effective[dialect]))
}
