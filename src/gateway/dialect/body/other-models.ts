import { Failure } from '../../../platform/failure.ts'
import { squash } from './names.ts'
import { scalarsIn } from './scalars.ts'
import type { Member } from './scan.ts'
import { stringAt } from './text.ts'

export interface OtherModels {
  /** Each once, as the body writes them. */
  readonly names: readonly string[]
  /** A field that names others in a way that cannot be read. */
  readonly unreadable?: string
}

/**
 * Where a text is the name of a model: below a field that ends in `models` or `fallbacks`, whatever stands between, and in
 * one that ends in `model`. By what a field is called and not by a list of fields, as every server has more of its own:
 * `draft_model` of LM Studio, `safety_model` of Together, `models` of OpenRouter, `fallbacks` of LiteLLM (BerriAI/litellm#4321,
 * #26968), the tools of OpenAI and Anthropic. Paths are as `scalarsIn` writes them, the field itself first.
 */
const NAME =
  /(?:^|\.)[^.]*(?:models(?:\..*)?|fallbacks?(?:\..*)?|model(?:id|name|group)?(?:\.(?:id|name))?(?:\.\[\])*)$/

/** A fallback of LiteLLM may be a whole request; a schema describes what is called a model, and names none. */
const NO_NAME =
  /^fallbacks\.\[\]\.(?:messages|prompt|input|system)\.|^tools\.\[\]\.(?:function|inputschema)\.|\.(?:properties|patternproperties|\$defs|definitions)\./

/** Gemini's requests within a request: their content is not looked into. */
const WITHIN: ReadonlyMap<string, RegExp> = new Map([
  ['requests', /^requests\.\[\]\.model$/],
  ['generatecontentrequest', /^generatecontentrequest\.model$/],
])

/** What people and models said, and what is passed back as it came. */
const CONTENT: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'input', 'prompt', 'system', 'instructions', 'contents', 'content'],
  ...['systeminstruction', 'metadata', 'responseformat', 'text', 'functions', 'documents'],
  ...['inputs', 'texts', 'images', 'stop', 'logitbias', 'user', 'query'],
])

/** Fields of a router's own configuration: which models they lead to cannot be told here. */
const UNREADABLE: ReadonlySet<string> = new Set([
  ...['litellmparams', 'modellist', 'preset', 'routersettingsoverride', 'userconfig'],
])

/** Fields by which LiteLLM would be led elsewhere, wherever they stand in what is merged into the request. */
const STEERING =
  /^extrabody\.(?:.*\.)?(?:apibase|apikey|baseurl|customllmprovider|extraheaders)(?:\.|$)/

/** More are a mistake, or an attempt to have the gateway busy. */
const MOST_NAMES = 200

const none: OtherModels = { names: [] }

/** @throws Failure `invalid_request` where a name is not one that could be granted */
export const otherModelsIn = (bytes: Uint8Array, members: readonly Member[]): OtherModels => {
  let names: Set<string> | undefined
  let unreadable: string | undefined
  for (const member of members) {
    const field = squash(member.name)
    if (isUnreadable(field)) unreadable = member.name
    if (CONTENT.has(field) || !mayName(field, bytes, member)) continue
    for (const { path, start, end } of textsIn(bytes, member, field)) {
      if (STEERING.test(path)) throw steered(member.name)
      if (path.split('.').some(isUnreadable)) unreadable = member.name
      if (!isName(field, path)) continue
      names = (names ?? new Set()).add(readable(member.name, bytes, start, end))
      if (names.size > MOST_NAMES) throw tooMany(member.name)
    }
  }
  if (names === undefined && unreadable === undefined) return none
  return { names: [...(names ?? [])], ...(unreadable !== undefined && { unreadable }) }
}

/** Does a field of a form name other models? There they are lists of fields, or texts of JSON, and cannot be read. */
export const mayNameModels = (name: string): boolean => {
  const field = squash(name.replace(/\[.*$/s, ''))
  return isUnreadable(field) || field === 'extrabody' || (field !== 'model' && NAME.test(field))
}

const isUnreadable = (field: string): boolean => UNREADABLE.has(field)

const isName = (field: string, path: string): boolean =>
  (WITHIN.get(field) ?? NAME).test(path) && !NO_NAME.test(path)

const textsIn = (bytes: Uint8Array, member: Member, field: string) =>
  scalarsIn(bytes, member)
    .filter(({ kind }) => kind === 'string')
    .map(({ path, start, end }) => ({ path: path ? `${field}.${path}` : field, start, end }))

const utf8 = new TextDecoder()

/** Most fields name none, and tools are long: a look at the text saves walking over all of it. */
const mayName = (field: string, bytes: Uint8Array, { kind, start, end }: Member): boolean => {
  if (kind === 'number' || kind === 'literal') return false
  if (kind === 'string') return NAME.test(field)
  if (NAME.test(field) || field === 'extrabody') return true
  const text = utf8.decode(bytes.subarray(start, end))
  return (
    /model|fallback/i.test(text) || text.includes('\\u') || /[\u017f\u212a\u0130\u0131]/.test(text)
  )
}

const readable = (field: string, bytes: Uint8Array, start: number, end: number): string => {
  const name = end - start > 300 ? '' : stringAt(bytes, start, end)
  if (name === '' || /[\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed()) {
    throw new Failure('invalid_request', `The field "${field}" must hold names of models.`)
  }
  return name
}

const steered = (field: string): Failure =>
  new Failure(
    'invalid_request',
    `The field "${field}" is not accepted: where requests go is decided by the gateway.`,
  )

const tooMany = (field: string): Failure =>
  new Failure('invalid_request', `The field "${field}" names more than ${MOST_NAMES} models.`)
