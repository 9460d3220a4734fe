import type { Modalities, ModelDetails } from '../upstream.ts'

/** Model ids in the order of the list, and what it said about each. */
export interface ModelList {
  readonly models: readonly string[]
  readonly details: ReadonlyMap<string, ModelDetails>
}

type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Rows of a `GET …/models` answer in OpenAI's or Anthropic's shape; undefined when it is something else.
 * Ollama says `"data": null` when it has no model.
 */
export function listRows(answer: unknown): readonly Json[] | undefined {
  if (!isObject(answer)) return undefined
  const { data } = answer
  if (data === null && answer.object === 'list') return []
  if (!Array.isArray(data)) return undefined
  const rows = data.filter(isObject).filter((row) => typeof row.id === 'string' && row.id !== '')
  return rows.length > 0 || data.length === 0 ? rows : undefined
}

/**
 * Rows of Gemini's `GET …/models` in the same terms: only models that write something. Undefined when it is no such list.
 */
export function geminiRows(answer: unknown): readonly Json[] | undefined {
  if (!isObject(answer) || !Array.isArray(answer.models)) return undefined
  return answer.models
    .filter(isObject)
    .filter(({ name, supportedGenerationMethods: methods }) => {
      const generates = !Array.isArray(methods) || methods.includes('generateContent')
      return typeof name === 'string' && generates
    })
    .map((row) => ({
      id: String(row.name).replace(/^models\//, ''),
      owned_by: 'google',
      max_input_tokens: row.inputTokenLimit,
      max_output_tokens: row.outputTokenLimit,
    }))
}

/** What the rows say, whoever the server is: each names the same things differently. */
export function describeRows(rows: readonly Json[]): ModelList {
  const details = new Map(rows.map((row) => [row.id as string, describeRow(row)]))
  return { models: [...details.keys()], details }
}

function describeRow(row: Json): ModelDetails {
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
  })
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
