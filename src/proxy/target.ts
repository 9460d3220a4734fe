import type { Context, MiddlewareHandler } from 'hono'
import { checkJsonBody, parseJsonBody } from '../dialect/json-body.ts'
import { findModelPart, withModel } from '../dialect/multipart-body.ts'
import type { NamedPath } from '../dialect/named-paths.ts'
import { addressOf, type Operation } from '../dialect/operations.ts'
import { type BodyLimits, readBody } from '../http/body.ts'
import { check } from '../http/check.ts'
import type { Env, Target } from '../http/env.ts'
import { Failure } from '../http/errors.ts'

export interface TargetOptions {
  readonly operation: Operation
  readonly limits: BodyLimits
}

/** Reads the body, once, and finds out what is asked for. */
export const readTarget = ({ operation, limits }: TargetOptions): MiddlewareHandler<Env> =>
  check(async function readTarget(c) {
    const contentType = expectedType(c, operation)
    const bytes = await readBody(c.req.raw, limits)
    const { named } = operation
    const target = named
      ? namedTarget({ operation, named, url: new URL(c.req.url) }, bytes, contentType)
      : operation.body === 'json'
        ? jsonTarget(operation, bytes, contentType)
        : formTarget(operation, bytes, contentType)
    c.set('target', target)
    c.get('meter').asked(target)
  })

/** Only what a web page cannot send without being asked first (CORS preflight), and only UTF-8 (hazards 107). */
const expectedType = (c: Context<Env>, { body }: Operation): string => {
  const contentType = c.req.header('content-type') ?? ''
  const wanted = body === 'json' ? 'application/json' : 'multipart/form-data'
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  const charset = parameters.find((parameter) => parameter.trim().startsWith('charset='))
  if (type.trim() !== wanted || (charset && !/^\s*charset="?utf-8"?\s*$/.test(charset))) {
    throw new Failure('unsupported_media_type', `Send the body as ${wanted}.`)
  }
  return contentType
}

const jsonTarget = (operation: Operation, bytes: Uint8Array, contentType: string): Target => {
  const body = parseJsonBody(bytes)
  const counted = body.stream && operation.operation.endsWith('completions')
  return {
    operation,
    model: body.model,
    stream: body.stream,
    usageAsked: body.usageAsked,
    size: bytes.byteLength,
    contentType,
    body: {
      json: body.fields,
      replace: (json) => jsonTarget(operation, encode(asAsked(json, body.fields)), contentType),
    },
    forward: (model) => body.forward(model, counted),
    address: toBase(operation),
  }
}

const encode = (json: object): Uint8Array => new TextEncoder().encode(JSON.stringify(json))

/** The grant was checked for this model, and the client waits for a stream or for none. */
const asAsked = (
  json: Readonly<Record<string, unknown>>,
  { model, stream }: Readonly<Record<string, unknown>>,
): object => {
  const { stream: _, ...rest } = json
  return { ...rest, model, ...(stream !== undefined && { stream }) }
}

const formTarget = (operation: Operation, bytes: Uint8Array, contentType: string): Target => {
  const part = findModelPart(bytes, contentType)
  return {
    operation,
    model: part.model,
    stream: false,
    usageAsked: false,
    size: bytes.byteLength,
    contentType,
    forward: (model) => withModel(bytes, part, model),
    address: toBase(operation),
  }
}

interface NamedRequest {
  readonly operation: Operation
  readonly named: NamedPath
  readonly url: URL
}

const namedTarget = (request: NamedRequest, bytes: Uint8Array, contentType: string): Target => {
  const { operation, named, url } = request
  const json = checkJsonBody(bytes)
  // The URL, not Hono's path: that one is decoded already.
  const { model, parts } = named.read(url.pathname)
  // Of a query only this is meant for the provider; the rest may hold the caller's key.
  const search = url.searchParams.get('alt') === 'sse' ? '?alt=sse' : ''
  return {
    operation,
    model,
    stream: named.stream,
    usageAsked: false,
    size: bytes.byteLength,
    contentType,
    body: { json, replace: (other) => namedTarget(request, encode(other), contentType) },
    forward: () => bytes,
    address: (to) => ({ ...addressOf(operation, parts, to.provider, to.model), search }),
  }
}

const toBase =
  (operation: Operation): Target['address'] =>
  ({ provider, model }) => ({ ...addressOf(operation, {}, provider, model), search: '' })
