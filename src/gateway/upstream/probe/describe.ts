import type { Modalities, ModelDetails } from '../../../platform/upstream.ts'

/** Model ids in the order of the list, and what it said about each. */
export interface ModelList {
  readonly models: readonly string[]
  readonly details: ReadonlyMap<string, ModelDetails>
}

/** A row of a list, or any other object that a server told. */
export type Row = Readonly<Record<string, unknown>>
type Json = Row

export const isObject = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Rows of a `GET …/models` answer in OpenAI's or Anthropic's shape; undefined when it is something else.
 * Ollama says `"data": null` when it has no model, Together answers the rows alone, some list names only, and the catalogue
 * that Codex reads has `models` with a `slug` each.
 */
export function listRows(answer: unknown): readonly Row[] | undefined {
  if (isObject(answer) && answer.data === null && answer.object === 'list') return []
  const data = isObject(answer) ? (answer.data ?? catalogue(answer.models)) : answer
  if (!Array.isArray(data)) return undefined
  const rows = data
    .map((row) => (typeof row === 'string' ? { id: row } : row))
    .filter(isObject)
    .filter((row) => typeof row.id === 'string' && row.id !== '')
  return rows.length > 0 || data.length === 0 ? rows : undefined
}

const catalogue = (models: unknown): readonly Row[] | undefined => {
  const rows = Array.isArray(models) ? models.filter(isObject) : []
  const named = rows.flatMap(({ id, slug, ...row }) => {
    const name = id ?? slug
    return typeof name === 'string' ? [{ ...row, id: name }] : []
  })
  return named.length > 0 ? named : undefined
}

/** Methods of Gemini's models that are served here. */
const SERVED_METHODS: readonly unknown[] = [
  'generateContent',
  'countTokens',
  'embedContent',
  'batchEmbedContents',
]

/** Rows of Gemini's `GET …/models` in the same terms: only models that generate or embed. Undefined for anything else. */
export function geminiRows(answer: unknown): readonly Row[] | undefined {
  if (!isObject(answer) || !Array.isArray(answer.models)) return undefined
  return answer.models.filter(isObject).flatMap((row) => {
    const { name, supportedGenerationMethods: listed } = row
    const methods = Array.isArray(listed)
      ? listed.filter((it) => SERVED_METHODS.includes(it))
      : undefined
    const served = methods?.some((method) => method !== 'countTokens') ?? true
    if (typeof name !== 'string' || !served) return []
    return {
      id: name.replace(/^models\//, ''),
      owned_by: 'google',
      max_input_tokens: row.inputTokenLimit,
      max_output_tokens: row.outputTokenLimit,
      ...(methods && { methods }),
    }
  })
}

/**
 * The facts in the rows, which each server names differently.
 * @param now ms since the epoch
 */
export function describeRows(rows: readonly Row[], now = Number.POSITIVE_INFINITY): ModelList {
  const details = new Map(rows.map((row) => [row.id as string, describeRow(row, now)]))
  return { models: [...details.keys()], details }
}

function describeRow(row: Row, now: number): ModelDetails {
  const meta = isObject(row.meta) ? row.meta : {}
  const top = isObject(row.top_provider) ? row.top_provider : {}
  const status = isObject(row.status) ? row.status : {}
  const instances = Array.isArray(row.loaded_instances) ? row.loaded_instances.filter(isObject) : []
  const instance = isObject(instances[0]?.config) ? instances[0].config : {}
  return compact({
    contextLength: firstNumber(
      row.loaded_context_length, // LM Studio /api/v0, what it was loaded with
      instance.context_length, // LM Studio /api/v1, the same
      row.max_model_len, // vLLM, SGLang
      row.context_length, // OpenRouter; Ollama /api/ps
      row.context_window, // Groq
      row.max_input_tokens, // Anthropic
      meta.n_ctx, // llama.cpp, what it runs with
      row.max_context_length, // LM Studio, what the model could do
      meta.n_ctx_train, // llama.cpp, likewise
    ),
    maxOutputTokens: firstNumber(
      row.max_output_tokens,
      row.max_completion_tokens, // Groq
      top.max_completion_tokens, // OpenRouter
    ),
    loaded:
      typeof row.state === 'string' // LM Studio /api/v0
        ? row.state === 'loaded'
        : Array.isArray(row.loaded_instances) // LM Studio /api/v1
          ? instances.length > 0
          : typeof status.value === 'string' // llama.cpp with several models
            ? status.value === 'loaded'
            : undefined,
    ownedBy: typeof row.owned_by === 'string' && row.owned_by !== '' ? row.owned_by : undefined,
    modalities: modalitiesOf(row),
    created: createdOf(row, now),
    methods: isTexts(row.methods) ? row.methods : undefined,
  })
}

/** llama.cpp, vLLM and SGLang report the time of the request. Clocks of two machines may differ by this, s. */
const CLOCK_SKEW_S = 120

const createdOf = ({ created, created_at: at }: Row, now: number): number | undefined => {
  const reported = typeof at === 'string' ? Date.parse(at) / 1000 : created
  const seconds = firstNumber(Math.trunc(Number(reported)))
  return seconds !== undefined && seconds < now / 1000 - CLOCK_SKEW_S ? seconds : undefined
}

function modalitiesOf({ architecture, capabilities }: Json): Modalities | undefined {
  // OpenRouter
  if (isObject(architecture)) {
    const { input_modalities: input, output_modalities: output } = architecture
    if (isTexts(input) && isTexts(output)) return { input, output }
  }
  // LM Studio /api/v1
  if (isObject(capabilities) && typeof capabilities.vision === 'boolean') {
    return { input: capabilities.vision ? ['text', 'image'] : ['text'], output: ['text'] }
  }
  return undefined
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')

export const firstNumber = (...values: readonly unknown[]): number | undefined =>
  values.find((value): value is number => Number.isSafeInteger(value) && Number(value) > 0)

/** Leaves out what is undefined, as `exactOptionalPropertyTypes` wants it. */
export const compact = (
  fields: {
    [K in keyof ModelDetails]?: ModelDetails[K] | undefined
  },
): ModelDetails =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
