import type { Dialect, ModelDetails } from '../../../platform/upstream.ts'
import { compact, describeRows, firstNumber, isObject, listRows } from './describe.ts'

export type ServerKind = 'lmstudio' | 'ollama' | 'vllm' | 'sglang' | 'llamacpp'

/** GET a path of the server being looked at: the JSON of a 200, else undefined. */
export type Get = (path: string) => Promise<unknown>

/** How to recognise a model server, and what it can do. */
export interface Server {
  readonly kind: ServerKind
  readonly name: string
  readonly dialects: readonly Dialect[]
  /** Does a row of `/v1/models` look like this server's? A hint; `confirm` decides. */
  readonly hints: (row: Readonly<Record<string, unknown>>) => boolean
  /** Asks what only this server answers. Undefined: it is another. */
  readonly confirm: (get: Get) => Promise<Confirmed | undefined>
}

interface Confirmed {
  /** More facts per model, if it told some; `*` is for every model without an entry. */
  readonly more: ReadonlyMap<string, ModelDetails>
  readonly version?: string
}

const chat: Dialect = 'openai_chat'
const responses: Dialect = 'openai_responses'
const messages: Dialect = 'anthropic_messages'
const ollama: Dialect = 'ollama'

const nothingMore: Confirmed = { more: new Map() }
const hasString = (answer: unknown, ...names: readonly string[]): boolean =>
  isObject(answer) && names.some((name) => typeof answer[name] === 'string')

/** The servers that are recognised, the ones with the clearest marks first. */
export const servers: readonly Server[] = [
  {
    kind: 'vllm',
    name: 'vLLM',
    dialects: [chat, responses, messages],
    hints: (row) => row.owned_by === 'vllm',
    confirm: async (get) => (hasString(await get('/version'), 'version') ? nothingMore : undefined),
  },
  {
    kind: 'sglang',
    name: 'SGLang',
    dialects: [chat, messages],
    hints: (row) => row.owned_by === 'sglang',
    confirm: async (get) => {
      const told = (await get('/model_info')) ?? (await get('/get_model_info'))
      return hasString(told, 'model_path') ? nothingMore : undefined
    },
  },
  {
    kind: 'llamacpp',
    name: 'llama.cpp',
    dialects: [chat, responses, messages],
    hints: (row) => row.owned_by === 'llamacpp' || isObject(row.meta),
    confirm: confirmLlamaCpp,
  },
  {
    kind: 'lmstudio',
    name: 'LM Studio',
    dialects: [chat, responses, messages],
    hints: (row) => row.owned_by === 'organization_owner',
    confirm: confirmLmStudio,
  },
  {
    kind: 'ollama',
    name: 'Ollama',
    dialects: [chat, responses, messages, ollama],
    // A model pulled from elsewhere is owned by that namespace, so other rows prove nothing against it.
    hints: (row) => row.owned_by === 'library',
    confirm: confirmOllama,
  },
]

async function confirmLlamaCpp(get: Get): ReturnType<Server['confirm']> {
  const props = await get('/props')
  if (!isObject(props)) return undefined
  if (!hasString(props, 'build_info') && !Number.isInteger(props.total_slots)) return undefined
  const settings = props.default_generation_settings
  const contextLength = isObject(settings) ? firstNumber(settings.n_ctx) : undefined
  // /v1/models tells the context the model was trained with, this is the one it runs with.
  return contextLength === undefined ? nothingMore : { more: new Map([['*', { contextLength }]]) }
}

async function confirmLmStudio(get: Get): ReturnType<Server['confirm']> {
  const now = await get('/api/v1/models')
  if (isObject(now) && Array.isArray(now.models)) {
    const rows = now.models.filter(isObject).flatMap((row) => [
      { ...row, id: row.key },
      // A model loaded under a name of its own (`lms load --identifier`) is listed by that name.
      ...instancesOf(row).map((instance) => ({ ...row, id: instance.id })),
    ])
    return { more: describeRows(rows.filter(({ id }) => typeof id === 'string')).details }
  }
  const older = listRows(await get('/api/v0/models'))
  return older?.length && older.every((row) => typeof row.state === 'string')
    ? { more: describeRows(older).details }
    : undefined
}

const instancesOf = ({ loaded_instances: loaded }: Readonly<Record<string, unknown>>) =>
  Array.isArray(loaded) ? loaded.filter(isObject) : []

async function confirmOllama(get: Get): ReturnType<Server['confirm']> {
  const about = await get('/api/version')
  if (!isObject(about) || typeof about.version !== 'string') return undefined
  const [listed, running] = await Promise.all([get('/api/tags'), get('/api/ps')])
  const more = new Map<string, ModelDetails>()
  for (const row of rowsIn(listed) ?? []) more.set(String(row.name), { listed: row })
  const loaded = rowsIn(running)
  for (const row of loaded ?? []) {
    const facts = { contextLength: firstNumber(row.context_length), loaded: true, running: row }
    more.set(String(row.name), { ...more.get(String(row.name)), ...compact(facts) })
  }
  const asleep = loaded ? { loaded: false } : {}
  return {
    version: about.version,
    more: new Map([
      ['*', asleep],
      ...[...more].map(([id, it]) => [id, { ...asleep, ...it }] as const),
    ]),
  }
}

const rowsIn = (answer: unknown) =>
  isObject(answer) && Array.isArray(answer.models) ? answer.models.filter(isObject) : undefined
