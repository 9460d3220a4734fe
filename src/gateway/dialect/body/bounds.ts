import { Failure } from '../../../platform/failure.ts'
import { scalarsIn } from './scalars.ts'
import type { Member } from './scan.ts'
import { stringAt } from './text.ts'

/** What a body says of the length of its answer, and of how many there are. */
export interface Bounds {
  /** Tokens; absent: it does not say. Where several fields do, the largest: servers differ on which one counts. */
  readonly maxOutput?: number
  /** Answers to one prompt. */
  readonly choices: number
}

/** Counts that decide what a request may cost. −1 and 0 are what LM Studio and cache warm-ups send. */
const COUNTS = ['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'n', 'best_of']
const MOST = 100_000_000

const LIMITS = new Set(['max_tokens', 'max_completion_tokens', 'max_output_tokens'])
/** Of the models that have a dialect of their own at Amazon. */
const OTHER_LIMITS = new Set(['maxTokens', 'max_gen_len', 'max_tokens_to_sample', 'max_new_tokens'])
const CHOICES = new Set(['n', 'best_of', 'numResults', 'num_generations'])

/** Objects that hold the same: Gemini, Converse and Nova, Ollama, Titan. */
const NESTED = new Set([
  'generationConfig',
  'generation_config',
  'inferenceConfig',
  'options',
  'textGenerationConfig',
])
const NESTED_LIMITS = /^(?:maxoutputtokens|maxtokens|maxnewtokens|numpredict|maxtokencount)$/
const NESTED_CHOICES = /^candidatecount$/

/** @throws Failure `invalid_request` where a count is not a number that could be one */
export const boundsIn = (bytes: Uint8Array, members: readonly Member[]): Bounds => {
  let maxOutput: number | undefined
  let choices = 1
  const limit = (value: number): void => {
    // −1 is "no limit" wherever it means something (llama.cpp, LM Studio, Ollama), and so says nothing.
    if (Number.isInteger(value) && value >= 0) maxOutput = Math.max(maxOutput ?? 0, value)
  }
  const choose = (value: number): void => {
    if (Number.isInteger(value)) choices = Math.max(choices, value)
  }
  for (const member of members) {
    const { name, kind, start, end } = member
    if (COUNTS.includes(name)) checkCount(bytes, member)
    if (kind === 'number') {
      if (LIMITS.has(name) || OTHER_LIMITS.has(name)) limit(numberAt(bytes, start, end))
      if (CHOICES.has(name)) choose(numberAt(bytes, start, end))
    } else if (kind === 'object' && NESTED.has(name)) {
      for (const scalar of scalarsIn(bytes, member)) {
        if (scalar.kind !== 'number') continue
        const value = (): number => numberAt(bytes, scalar.start, scalar.end)
        if (NESTED_LIMITS.test(scalar.path)) limit(value())
        if (NESTED_CHOICES.test(scalar.path)) choose(value())
      }
    }
  }
  return { choices, ...(maxOutput !== undefined && { maxOutput }) }
}

const checkCount = (bytes: Uint8Array, { name, kind, start, end }: Member): void => {
  const text = ascii(bytes, start, Math.min(end, start + 32))
  if (kind === 'literal' && text === 'null') return
  const value = kind === 'number' ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value) || value < -1 || value > MOST) {
    const message = `The field "${name}" must be a whole number from -1 to ${MOST}.`
    throw new Failure('invalid_request', message)
  }
}

/** Longer than any count is written. */
const MAX_NUMBER = 40

const numberAt = (bytes: Uint8Array, start: number, end: number): number =>
  end - start > MAX_NUMBER ? Number.NaN : Number(ascii(bytes, start, end))

const ascii = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ''
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!)
  return text
}

/** Longer than any tier is called. */
const MAX_HINT = 100

const HINTS = new Map([
  ['service_tier', 'service_tier'],
  ['serviceTier', 'service_tier'],
  ['speed', 'speed'],
  ['inference_geo', 'inference_geo'],
])

const noHints: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** Fields by which a request chooses another price than the list's. Amazon writes an object with a `type`. */
export const pricingHintsIn = (
  bytes: Uint8Array,
  members: readonly Member[],
): Readonly<Record<string, string>> => {
  let hints = noHints
  for (const member of members) {
    const hint = HINTS.get(member.name)
    if (hint === undefined) continue
    const [value] = scalarsIn(bytes, member).filter(
      ({ kind, path, start, end }) =>
        kind === 'string' && (path === '' || path === 'type') && end - start <= MAX_HINT,
    )
    if (value === undefined) continue
    hints = { ...hints, [hint]: stringAt(bytes, value.start, value.end) }
  }
  return hints
}
