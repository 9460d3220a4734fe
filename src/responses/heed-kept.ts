import type { Context, MiddlewareHandler } from 'hono'
import type { JsonBody } from '../dialect/body/json-body.ts'
import { valueAt } from '../dialect/body/text.ts'
import { check } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import type { Candidate } from '../upstream/upstream.ts'
import { keepsResponses } from './keeps.ts'
import type { KeptResponses } from './kept-responses.ts'

/** Background responses of one caller whose use was not told yet: they cost nothing on the ledger until somebody looks. */
const MOST_UNSETTLED = 32

/**
 * Leads a request that needs a provider's memory to one that has it: what is to run in the background, and what goes on
 * from an earlier response, which must be the caller's own. For whoever lets a provider forget, nothing changes.
 * @throws Failure `invalid_request`, `not_found`, `rate_limited`
 */
export const heedKept = (kept: KeptResponses): MiddlewareHandler<Env> =>
  check(function heedKept(c) {
    const { operation, body: target } = c.get('target')
    const body = target?.read
    if (!body) return
    // Counting and compacting are of the API that keeps: others would not know them.
    if (operation.operation !== 'responses') preferKeeping(c)
    if (isOn(body, 'background')) heedBackground(c, kept)
    const previous = body.member('previous_response_id')
    if (!previous) return
    const id = valueAt(body.bytes, previous.start, previous.end)
    return id === null ? undefined : goOnFrom(c, id, kept)
  })

const preferKeeping = (c: Context<Env>): void => {
  const keeping = c.get('candidates').filter(({ provider }) => keepsResponses(provider))
  if (keeping.length > 0) c.set('candidates', keeping)
}

/** Anything but false and null: some servers take `1` or `"true"` for true. */
export const isOn = (body: JsonBody, name: string): boolean => {
  const member = body.member(name)
  if (!member) return false
  const value = valueAt(body.bytes, member.start, member.end)
  return value !== false && value !== null
}

const heedBackground = (c: Context<Env>, kept: KeptResponses): void => {
  const candidates = c.get('candidates')
  const keeping = candidates.filter(({ provider }) => keepsResponses(provider))
  if (keeping.length === 0) {
    const names = candidates.map(({ provider }) => `"${provider.id}"`).join(', ')
    throw new Failure(
      'invalid_request',
      `"background": true needs a provider that keeps responses, and ${names} does not: its answer could never be fetched. Leave "background" out.`,
      { reason: 'background' },
    )
  }
  if (kept.unsettled(c.get('auth').caller?.login ?? '') >= MOST_UNSETTLED) {
    throw new Failure(
      'rate_limited',
      `${MOST_UNSETTLED} background responses of yours were not fetched to their end. Fetch them first.`,
      { headers: { 'retry-after': '60' }, reason: 'background_unsettled' },
    )
  }
  c.set('candidates', keeping)
}

const goOnFrom = async (c: Context<Env>, id: unknown, kept: KeptResponses): Promise<void> => {
  if (typeof id !== 'string') {
    throw new Failure('invalid_request', 'The field "previous_response_id" must be a string.')
  }
  const response = await kept.find(id, c.get('auth').caller?.login ?? '')
  const there = (candidate: Candidate): boolean => candidate.provider.id === response?.provider
  const candidates = c.get('candidates').filter(there)
  if (candidates.length === 0) throw noResponse(id)
  c.set('candidates', candidates)
}

/** The same for one that is not there, one of somebody else's, and one whose model is not granted any more. */
export const noResponse = (id: string): Failure =>
  new Failure('not_found', `There is no response "${id.slice(0, 256)}" here.`, {
    reason: 'response_unknown',
  })
