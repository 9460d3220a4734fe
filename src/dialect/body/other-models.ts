import { Failure } from '../../http/errors.ts'
import { scalarsIn } from './scalars.ts'
import type { Member } from './scan.ts'
import { stringAt } from './text.ts'

/**
 * Fields by which a body leads a provider to other models than `model`, and where in them the names stand. Each of those
 * models needs the same grant (BerriAI/litellm#4321, #26968).
 */
const NAMING: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    // OpenRouter, Vercel: asked in this order when the first fails. LiteLLM: the same, with whole requests in it.
    models: /^\[\](?:\.model|\.id)?$/,
    fallbacks: /^\[\](?:\.model|\.\w+\.\[\])?$|^\w+\.\[\]$/,
    fallback: /^(?:\[\]|model|models\.\[\])?$/,
    fallback_models: /^\[\]$/,
    context_window_fallbacks: /^\[\](?:\.model|\.\w+\.\[\])?$|^\w+\.\[\]$/,
    content_policy_fallbacks: /^\[\](?:\.model|\.\w+\.\[\])?$|^\w+\.\[\]$/,
    // Vercel AI Gateway.
    providerOptions: /(?:^|\.)(?:models?|fallbacks?)(?:\.\[\])?$/,
    // OpenRouter's auto router, fusion and search.
    plugins: /(?:^|\.)\w*models?(?:\.\[\])?$/,
    // Groq's compound systems.
    compound_custom: /(?:^|\.)\w*models?(?:\.\w+)?(?:\.\[\])?$/,
    // OpenAI's image tool, Anthropic's advisor, OpenRouter's server tools. A schema has no text under `model`.
    tools: /^\[\](?:\.\w+)?\.models?(?:\.\[\])?$/,
    audio: /(?:^|\.)model$/,
    input_audio_transcription: /(?:^|\.)model$/,
    transcription: /(?:^|\.)model$/,
    session: /(?:^|\.)model$/,
  }),
)

/** `draft_model` of LM Studio, `safety_model` of Together, and their kin. */
const OWN_FIELD = /^[a-z_]{1,40}_model$/

/** Fields that name models where this gateway cannot tell which. */
const UNREADABLE: readonly string[] = [
  'litellm_params',
  'model_list',
  'preset',
  'router_settings_override',
]

export interface OtherModels {
  /** Each once, as the body writes them. */
  readonly names: readonly string[]
  /** A field that names others in a way that cannot be read. */
  readonly unreadable?: string
}

const none: OtherModels = { names: [] }

/** @throws Failure `invalid_request` where a name is not one that could be granted */
export const otherModelsIn = (bytes: Uint8Array, members: readonly Member[]): OtherModels => {
  let names: Set<string> | undefined
  let unreadable: string | undefined
  for (const member of members) {
    if (UNREADABLE.includes(member.name)) unreadable = member.name
    if (!NAMING.has(member.name) && !member.name.endsWith('_model')) continue
    for (const name of namesIn(bytes, member)) names = (names ?? new Set()).add(name)
  }
  if (names === undefined && unreadable === undefined) return none
  return { names: [...(names ?? [])], ...(unreadable !== undefined && { unreadable }) }
}

const namesIn = (bytes: Uint8Array, member: Member): readonly string[] => {
  const { name, kind, start, end } = member
  if (kind === 'string' && OWN_FIELD.test(name)) return [readable(name, bytes, member)]
  const where = NAMING.get(name)
  if (where === undefined || kind === 'literal' || kind === 'number') return []
  if (kind !== 'string' && !mayName(name, bytes.subarray(start, end))) return []
  return scalarsIn(bytes, member)
    .filter((scalar) => scalar.kind === 'string' && where.test(scalar.path))
    .map((scalar) => readable(name, bytes, scalar))
}

const utf8 = new TextDecoder()

/** Tools are long and rarely name a model: a look at the text saves walking over all of them. */
const mayName = (name: string, value: Uint8Array): boolean => {
  if (name !== 'tools') return true
  const text = utf8.decode(value)
  return /model/i.test(text) || text.includes('\\u')
}

const readable = (
  field: string,
  bytes: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
): string => {
  const name = end - start > 300 ? '' : stringAt(bytes, start, end)
  if (name === '' || /[\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed()) {
    throw new Failure('invalid_request', `The field "${field}" must hold names of models.`)
  }
  return name
}
