import type { Context, MiddlewareHandler } from 'hono'
import type { Operation } from '../dialect/operations.ts'
import { versionAt } from '../dialect/operations.ts'
import { type BodyLimits, readBody } from '../http/body.ts'
import { check } from '../http/check.ts'
import type { Env, Target } from '../http/env.ts'
import type { Platform } from '../platform.ts'
import type { Provider } from '../upstream/upstream.ts'
import { noResponse } from './heed-kept.ts'
import { settled } from './keep-answers.ts'
import { keepsResponses } from './keeps.ts'
import type { KeptResponse } from './kept-response.ts'
import type { KeptResponses } from './kept-responses.ts'

/** What may be done with a response that a provider keeps. */
export interface KeptCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** After the id. */
  readonly suffix: '' | '/cancel' | '/input_items'
  /** Members of the query that the provider is sent. */
  readonly query: readonly string[]
}

export const keptCalls: readonly KeptCall[] = [
  {
    method: 'GET',
    suffix: '',
    query: ['include', 'include[]', 'include_obfuscation', 'starting_after', 'stream'],
  },
  { method: 'DELETE', suffix: '', query: [] },
  { method: 'POST', suffix: '/cancel', query: [] },
  {
    method: 'GET',
    suffix: '/input_items',
    query: ['after', 'before', 'include', 'include[]', 'limit', 'order'],
  },
]

export interface KeptCallOptions extends Pick<Platform, 'waitUntil'> {
  readonly call: KeptCall
  readonly kept: KeptResponses
  readonly registry: { providers(): readonly Provider[] }
  readonly limits: BodyLimits
}

/**
 * Finds the response that the path names, for the caller whom it belongs to and who may still use its model, and leads
 * the request to its provider.
 * @throws Failure `not_found`
 */
export const readKeptCall = (options: KeptCallOptions): MiddlewareHandler<Env> => {
  const { call, kept, registry, limits } = options
  return check(async function readKeptCall(c) {
    const { pathname, searchParams } = new URL(c.req.url)
    const id = pathname.split('/')[3] ?? ''
    // Nothing of it is for the provider, and nothing may be left on the connection.
    if (call.method === 'POST') await readBody(c.req.raw, { limits: { ...limits, body: LARGEST } })
    const response = await kept.find(id, c.get('auth').caller?.login ?? '')
    const provider = response && registry.providers().find((it) => it.id === response.provider)
    const usable = provider && !provider.disabled && keepsResponses(provider)
    if (!response || !usable || !c.get('permissions').allows(provider.id, response.model)) {
      throw noResponse(id)
    }
    const charged = charge(c, response, options)
    const target = { ...targetOf(call, response, searchParams), free: !charged }
    c.set('target', target)
    c.set('candidates', [{ provider, model: response.model }])
    c.get('meter').asked(target)
  })
}

const LARGEST = 65_536

/** What a response used is charged once: to the first answer that tells it. May this be the one? */
const charge = (
  c: Context<Env>,
  { id }: KeptResponse,
  { call, kept, waitUntil }: KeptCallOptions,
): boolean => {
  const first = call.suffix !== '/input_items' && call.method !== 'DELETE' && kept.claim(id)
  c.get('meter').chargeWhatIsTold(first)
  if (first) waitUntil(settled(c, kept, id))
  return first
}

const operation: Operation = {
  paths: [],
  operation: 'responses/kept',
  dialect: 'openai_responses',
  body: 'json',
  version: 'v1',
}

const nothing = () => {}

const targetOf = (
  { method, suffix, query }: KeptCall,
  { id, model }: KeptResponse,
  asked: URLSearchParams,
): Target => {
  const sent = new URLSearchParams([...asked].filter(([name]) => query.includes(name))).toString()
  return {
    method,
    operation,
    model,
    modelOptional: false,
    otherModels: { names: [] },
    stream: asked.get('stream') === 'true' && query.includes('stream'),
    usageAsked: true,
    size: 0,
    contentType: '',
    files: [],
    bounds: { choices: 1, maxOutput: 0 },
    pricingHints: {},
    forward: () => null,
    address: ({ provider }) => ({
      operation: `responses/${encodeURIComponent(id)}${suffix}`,
      version: versionAt(provider, operation.version),
      search: sent === '' ? '' : `?${sent}`,
    }),
    keep: nothing,
    sent: nothing,
    release: nothing,
  }
}
