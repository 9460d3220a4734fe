import type { Context, MiddlewareHandler } from 'hono'
import type { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { StoredResponse } from '../../platform/records/stored-response.ts'
import type { Provider } from '../../platform/upstream.ts'
import type { Operation } from '../dialect/operations.ts'
import { versionAt } from '../dialect/operations.ts'
import { type BodyLimits, readBody } from '../http/body.ts'
import { check } from '../http/check.ts'
import type { Env, Target } from '../http/env.ts'
import { settled } from './remember-ids.ts'
import { noResponse } from './route-stored.ts'
import type { StoredResponses } from './stored-responses.ts'
import { storesResponses } from './stores-responses.ts'

/** One call on a stored response. */
export interface StoredCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** After the id. */
  readonly suffix: '' | '/cancel' | '/input_items'
  /** Query parameters that go to the provider. */
  readonly query: readonly string[]
}

export const storedCalls: readonly StoredCall[] = [
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

export interface StoredCallOptions extends Pick<Platform, 'waitUntil'> {
  readonly call: StoredCall
  readonly stored: StoredResponses
  readonly registry: { providers(): readonly Provider[] }
  readonly limits: BodyLimits
  /** Where the response is not this caller's: all responses of the account may be open to them. */
  readonly otherwise: (c: Context<Env>, failure: Failure) => Promise<void>
}

/**
 * Finds the response that the path names, if it is the caller's own and its model is still granted, and routes the
 * request to its provider.
 * @throws Failure `not_found`
 */
export const readStoredCall = (options: StoredCallOptions): MiddlewareHandler<Env> => {
  const { call, stored, registry, limits, otherwise } = options
  return check(async function readStoredCall(c) {
    const { pathname, searchParams } = new URL(c.req.url)
    const id = pathname.split('/')[3] ?? ''
    const response = await stored.find(id, c.get('auth').caller?.login ?? '')
    const provider = response && registry.providers().find((it) => it.id === response.provider)
    const usable = provider && !provider.disabled && storesResponses(provider)
    if (!response || !usable || !c.get('permissions').allows(provider.id, response.model)) {
      return otherwise(c, noResponse(id))
    }
    // The provider does not need it, and no byte of it may stay on the connection.
    if (call.method === 'POST') await readBody(c.req.raw, { limits: { ...limits, body: LARGEST } })
    const charged = charge(c, response, options)
    const target = { ...targetOf(call, response, searchParams), free: !charged }
    c.set('target', target)
    c.set('candidates', [{ provider, model: response.model }])
    c.get('meter').asked(target)
  })
}

const LARGEST = 65_536

/** Usage is charged once, to the first answer that reports it. May this be the one? */
const charge = (
  c: Context<Env>,
  { id }: StoredResponse,
  { call, stored, waitUntil }: StoredCallOptions,
): boolean => {
  const first = call.suffix !== '/input_items' && call.method !== 'DELETE' && stored.claim(id)
  c.get('meter').chargeReportedOnly(first)
  if (first) waitUntil(settled(c, stored, id))
  return first
}

const operation: Operation = {
  paths: [],
  operation: 'responses/stored',
  dialect: 'openai_responses',
  body: 'json',
  version: 'v1',
}

const nothing = () => {}

const targetOf = (
  { method, suffix, query }: StoredCall,
  { id, model }: StoredResponse,
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
