import { Failure } from '../../../platform/failure.ts'
import type { Member } from './scan.ts'

/**
 * Fields by which a body could choose its own destination or credential (CVE-2024-6587): ours come from the
 * configuration, so these are refused. Most are fields of LiteLLM, which may stand behind us.
 */
const STEERING = [
  'api_base',
  'api_key',
  'aws_bedrock_runtime_endpoint',
  'aws_sts_endpoint',
  'aws_web_identity_token',
  'azure_endpoint',
  'base_url',
  'baseurl',
  'custom_llm_provider',
  'endpoint',
  'extra_headers',
  'langfuse_host',
  'vertex_credentials',
]

/**
 * Fields that decide who may have a request served, what it may cost and what a guard looks at. A parser that takes
 * another spelling for one of them would read a request that was not judged.
 */
const JUDGED = [
  ...STEERING,
  'model',
  'models',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'n',
  'best_of',
  'background',
  'service_tier',
  'messages',
  'system',
  'prompt',
  'input',
  'instructions',
  'contents',
  'tools',
  'options',
]

/**
 * Lower case as every reader in use compares names: Go's decoder folds `K` (Kelvin) to `k` and `ſ` to `s`
 * (`encoding/json` `foldName`), Java's `equalsIgnoreCase` `ı` and `İ` to `i`. What follows a NUL is not there for a
 * reader in C.
 */
const foldCase = (name: string): string => {
  const nul = name.indexOf('\u0000')
  return trimmed(nul < 0 ? name : name.slice(0, nul))
    .replace(/[\u212a\u017f\u0130\u0131]/g, (letter) => similar[letter] ?? letter)
    .toLowerCase()
}

/** What some reader takes for white space: Python's `strip` has U+001C to U+001F and U+0085 besides. */
const BLANK = /[\s\u001c-\u001f\u0085]/

/** By hand: a pattern for the end takes the square of the blanks in the middle. */
const trimmed = (name: string): string => {
  let [start, end] = [0, name.length]
  while (start < end && BLANK.test(name[start]!)) start++
  while (end > start && BLANK.test(name[end - 1]!)) end--
  return name.slice(start, end)
}

const similar: Readonly<Record<string, string>> = {
  '\u212a': 'k',
  '\u017f': 's',
  '\u0130': 'i',
  '\u0131': 'i',
}

/** Protobuf's JSON reader takes `maxTokens` for `max_tokens`, form readers `max.tokens` and `max tokens`. */
export const squash = (name: string): string => foldCase(name).replace(/[_\-. ]/g, '')

const judged = new Set(JUDGED)
const judgedByFold = new Map(JUDGED.map((name) => [foldCase(name), name]))
const judgedBySquash = new Map(JUDGED.map((name) => [squash(name), name]))

/** Names as every client writes them: nothing to fold. Most bodies hold no others. */
const PLAIN = /^[a-z][a-z0-9_]*$/

/**
 * Refuses top-level names that two readers would read as different fields: one twice, one in two spellings, and a
 * judged one in another spelling than its own (`Model` beside `model`: modelcontextprotocol/go-sdk#805,
 * envoyproxy/ai-gateway#1863).
 * @param modelInPath the dialects whose paths name the model spell fields in camel case and leave the rest to the model
 * @param accepts fields that steer nothing here
 * @throws Failure `invalid_request`
 */
export const checkNames = (
  members: readonly Member[],
  modelInPath: boolean,
  accepts: readonly string[] = [],
): void => {
  const squashed = members.map(({ name }) => squashedName(name))
  for (let at = 0; at < members.length; at++) {
    const name = members[at]!.name
    const first = squashed.indexOf(squashed[at]!)
    if (first < at) {
      throw new Failure('invalid_request', twice(members[first]!.name, name))
    }
    if (judged.has(name)) {
      if (isSteering(name) && !accepts.includes(name)) throw steered(name)
      continue
    }
    const meant = modelInPath ? judgedByFold.get(foldCase(name)) : judgedBySquash.get(squashed[at]!)
    if (meant !== undefined) throw mistaken(name, meant)
  }
}

const mistaken = (name: string, meant: string): Failure =>
  new Failure(
    'invalid_request',
    `The field ${JSON.stringify(name)} is not accepted: some servers read it as "${meant}". Write "${meant}".`,
  )

const steered = (name: string): Failure =>
  new Failure(
    'invalid_request',
    `The field "${name}" is not accepted: where requests go is decided by the gateway.`,
  )

const known = new Map<string, string>()

/** Few names, read with every request: each is folded once. */
const squashedName = (name: string): string => {
  const before = known.get(name)
  if (before !== undefined) return before
  const squashed = PLAIN.test(name) ? name.replaceAll('_', '') : squash(name)
  if (known.size < 512 && name.length <= 40) known.set(name, squashed)
  return squashed
}

const twice = (first: string, second: string): string =>
  first === second
    ? `The field ${JSON.stringify(first)} is given twice.`
    : `The fields ${JSON.stringify(first)} and ${JSON.stringify(second)} mean the same to some servers. Send one of them.`

/** The judged field that a form's field would be for some reader, where it is not exactly that; else undefined. */
export const mistakenFor = (name: string): string | undefined => {
  if (judged.has(name)) return undefined
  // PHP and Rails read `model[]` and `model[x]` as `model`.
  const base = name.replace(/\[.*$/s, '')
  return judgedBySquash.get(squash(base))
}

export const isSteering = (name: string): boolean => STEERING.includes(name)
