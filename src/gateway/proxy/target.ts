import type { Context, MiddlewareHandler } from 'hono'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import { type FormBody, readFormBody } from '../dialect/body/form/form-body.ts'
import {
  asAsked,
  forwarded,
  type JsonBody,
  type JsonBodyOptions,
  readJsonBody,
} from '../dialect/body/json-body.ts'
import { toSend } from '../dialect/body/sent-body.ts'
import type { NamedPath } from '../dialect/named-paths.ts'
import { addressOf, type Operation } from '../dialect/operations.ts'
import { type BodyLimits, readBody } from '../http/body.ts'
import type { BodyMemory, BodyMemoryLimits } from '../http/body-memory.ts'
import { check } from '../http/check.ts'
import { ANY_MODEL, DEFAULT_MODEL, type Env, type Target } from '../http/env.ts'
import { isFromProgram } from '../http/guards/same-origin.ts'

export interface TargetOptions extends Pick<Platform, 'inflate' | 'random'> {
  readonly operation: Operation
  readonly limits: BodyLimits & BodyMemoryLimits
  readonly memory: BodyMemory
}

/** How a request is sent that is not a call of a model, but of what a provider keeps. */
export type SentAs = Pick<Target, 'method' | 'free' | 'unmetered' | 'mayBeEmpty' | 'address'>

/** What a target is made of, beside its body. */
interface Request extends Pick<TargetOptions, 'operation' | 'random'> {
  /** In place of what the operation says. */
  readonly sentAs: SentAs | undefined
  readonly url: string
  readonly contentType: string
  readonly size: number
  readonly release: () => void
}

/** Reads the body, once, and finds out what the request is for. */
export const readTarget = (options: TargetOptions): MiddlewareHandler<Env> =>
  check(async function readTarget(c) {
    const target = await targetFor(c, options)
    c.set('target', target)
    c.get('meter').asked(target)
  })

/** The body of a request and what it is for. @throws Failure, and then holds nothing */
export const targetFor = async (
  c: Context<Env>,
  options: TargetOptions,
  sentAs?: SentAs,
): Promise<Target> => {
  const { operation, random, limits, memory, inflate } = options
  const contentType = expectedType(c, operation)
  const hold = memory.open(c.get('auth').caller?.login ?? '', limits)
  try {
    const bytes = await readBody(c.req.raw, { limits, hold, inflate })
    const url = c.req.url
    const { release } = hold
    const size = bytes.byteLength
    return await targetOf({ operation, random, sentAs, url, contentType, size, release }, bytes)
  } catch (error) {
    hold.release()
    throw error
  }
}

const JSON_TYPE = 'application/json'

const isForm = (contentType: string): boolean => /^multipart\//i.test(contentType)

/**
 * Only what a web page cannot send without a CORS preflight, and only UTF-8. Where the API has a form, JSON is read as
 * well: Ollama and others take edits of pictures so. Ollama reads JSON under any type or none, and its own documents and
 * LiteLLM send it so: from programs it is taken as there.
 */
const expectedType = (c: Context<Env>, { body, dialect }: Operation): string => {
  if (dialect === 'ollama' && isFromProgram(c)) return JSON_TYPE
  const contentType = c.req.header('content-type') ?? ''
  const accepted = body === 'json' ? [JSON_TYPE] : ['multipart/form-data', JSON_TYPE]
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  const charsets = parameters.filter((parameter) => parameter.includes('charset'))
  const isUtf8 = charsets.every((charset) => /^\s*charset="?utf-8"?\s*$/.test(charset))
  if (!accepted.includes(type.trim()) || !isUtf8 || charsets.length > 1) {
    throw new Failure('unsupported_media_type', `Send the body as ${accepted.join(' or ')}.`)
  }
  return contentType
}

const targetOf = (request: Request, bytes: Uint8Array): Target | Promise<Target> => {
  const { operation, contentType } = request
  if (isForm(contentType)) return formTarget(request, readFormBody(bytes, contentType))
  const options = {
    modelInPath: operation.named !== undefined,
    streams: streamsUnasked(operation),
    ofResource: request.sentAs !== undefined,
  }
  const read = readJsonBody(bytes, options)
  const made = (body: JsonBody): Target => jsonTarget(request, body, options)
  return read instanceof Promise ? read.then(made) : made(read)
}

/** Ollama's own API streams where a request does not say. */
const streamsUnasked = ({ named, streams = false }: Operation): boolean => named?.stream ?? streams

const jsonTarget = (request: Request, body: JsonBody, options: JsonBodyOptions): Target => {
  const { operation, size, contentType } = request
  const { named } = operation
  const held = new HeldBody(body, request.release)
  const target = {
    operation,
    size,
    contentType,
    ...(operation.dialect === 'ollama' && { sentType: JSON_TYPE }),
    usageAsked: body.usageAsked,
    bounds: body.bounds,
    pricingHints: body.pricingHints,
    get files() {
      return held.body.files()
    },
    body: {
      get read() {
        return held.body
      },
      get json() {
        return held.body.json()
      },
      replace: (changed: Uint8Array) =>
        jsonTarget(request, asAsked(held.body, changed, options), options),
    },
    keep: () => held.keep(),
    sent: () => held.sent(),
    release: request.release,
  }
  return named ? inPath(target, request, held, named) : inBody(target, request, held)
}

/** A body that is let go once it was sent, unless something else needs it: an answer may take hours. */
class HeldBody {
  readonly #release: () => void
  #body: JsonBody | undefined
  #kept = false

  constructor(body: JsonBody, release: () => void) {
    this.#body = body
    this.#release = release
  }

  get body(): JsonBody {
    if (this.#body === undefined) throw new Error('the body was let go when it had been sent')
    return this.#body
  }

  keep(): void {
    this.#kept = true
  }

  sent(): void {
    // What its pictures cost may have to be found out when the answer is complete.
    if (this.#kept || this.#body?.files().some(({ size }) => size > 0)) return
    this.#body = undefined
    this.#release()
  }
}

type Unrouted = Omit<
  Target,
  'model' | 'modelOptional' | 'otherModels' | 'stream' | 'forward' | 'address'
>

const inBody = (target: Unrouted, { operation, sentAs }: Request, held: HeldBody): Target => {
  const { body } = held
  const counted = body.stream && operation.operation.endsWith('completions')
  const askUsage = counted && !body.usageAsked
  return Object.assign(target, {
    model: body.model,
    modelOptional: isOptional(operation, body),
    otherModels: body.otherModels,
    stream: body.stream,
    forward: (model: string, asksUsage = true) =>
      toSend(
        forwarded(held.body, { model: unlessDefault(model), askUsage: askUsage && asksUsage }),
      ),
    address: toBase(operation),
    ...sentAs,
  })
}

const unlessDefault = (model: string): string | undefined =>
  model === DEFAULT_MODEL || model === ANY_MODEL ? undefined : model

/** Operations whose API has a model of its own for who names none; a stored prompt of the responses API names one too. */
const OPTIONAL = new Set(['moderations', 'images/generations', 'images/edits', 'images/variations'])

const isOptional = ({ operation }: Operation, body?: JsonBody): boolean =>
  OPTIONAL.has(operation) ||
  (operation === 'responses' && body?.member('prompt')?.kind === 'object')

const formTarget = (request: Request, form: FormBody): Target => {
  const { operation, size, contentType, random, release, sentAs } = request
  // 128 bits that were not known when the form was made: no content of it can hold them.
  const boundary = `postern-${[...random(16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
  return {
    operation,
    model: form.model,
    modelOptional: isOptional(operation),
    otherModels: form.otherModels,
    stream: form.stream,
    usageAsked: false,
    size,
    contentType,
    sentType: `multipart/form-data; boundary=${boundary}`,
    files: form.files,
    bounds: form.bounds,
    pricingHints: {},
    forward: (model) => toSend(form.forward(unlessDefault(model), boundary)),
    address: toBase(operation),
    keep: () => {},
    sent: () => {},
    release,
    ...sentAs,
  }
}

const inPath = (target: Unrouted, request: Request, held: HeldBody, named: NamedPath): Target => {
  const { operation, url } = request
  const { pathname, searchParams } = new URL(url)
  // The URL, not Hono's path: that one is decoded already.
  const { model, parts } = named.read(pathname)
  // Of a query only this is meant for the provider; the rest may hold the caller's key.
  const search = searchParams.get('alt') === 'sse' ? '?alt=sse' : ''
  return Object.assign(target, {
    model,
    modelOptional: false,
    otherModels: otherThan(model, held.body),
    stream: named.stream,
    forward: () => toSend(held.body.bytes),
    address: (to: Parameters<Target['address']>[0]) => ({
      ...addressOf(operation, parts, to.provider, to.model),
      search,
    }),
  })
}

/** Google's clients repeat the model in the body. Another one there would be another request for who reads the body. */
const otherThan = (model: string, body: JsonBody): Target['otherModels'] => {
  if (body.model !== undefined && bareName(body.model) !== model) {
    const message = `The body is for model "${body.model}" and the path for "${model}".`
    throw new Failure('invalid_request', message)
  }
  const { names, ...rest } = body.otherModels
  return { ...rest, names: names.map(bareName).filter((name) => name !== model) }
}

const bareName = (name: string): string => name.replace(/^(?:publishers\/\w+\/)?models\//, '')

const toBase =
  (operation: Operation): Target['address'] =>
  ({ provider, model }) => ({ ...addressOf(operation, {}, provider, model), search: '' })
