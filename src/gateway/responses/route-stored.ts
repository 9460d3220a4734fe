import type { Context, MiddlewareHandler } from 'hono'
import { Failure } from '../../platform/failure.ts'
import type { Candidate } from '../../platform/upstream.ts'
import type { JsonBody } from '../dialect/body/json-body.ts'
import { valueAt } from '../dialect/body/text.ts'
import { check } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import type { StoredResponses } from './stored-responses.ts'
import { storesResponses } from './stores-responses.ts'

/** Background responses of one caller whose usage is not known yet: they cost nothing until the caller fetches them. */
const MOST_UNSETTLED = 32

/**
 * Routes a request that relies on stored responses to a provider that has them: one that runs in the background, and one
 * that continues an earlier response, which must be the caller's own, or a conversation. All other requests pass unchanged.
 * @throws Failure `invalid_request`, `not_found`, `rate_limited`
 */
export const routeStored = (stored: StoredResponses): MiddlewareHandler<Env> =>
  check(function routeStored(c) {
    const { operation, body: target } = c.get('target')
    const body = target?.read
    if (!body) return
    // Counting and compacting are of the API that keeps: others would not know them.
    if (operation.operation !== 'responses') preferKeeping(c)
    if (isOn(body, 'background')) routeBackground(c, stored)
    if (isOn(body, 'conversation')) routeToConversation(c)
    const previous = body.member('previous_response_id')
    if (!previous) return
    const id = valueAt(body.bytes, previous.start, previous.end)
    return id === null ? undefined : routeToEarlier(c, id, stored)
  })

const preferKeeping = (c: Context<Env>): void => {
  const keeping = c.get('candidates').filter(({ provider }) => storesResponses(provider))
  if (keeping.length > 0) c.set('candidates', keeping)
}

/** Anything but false and null: some servers take `1` or `"true"` for true. */
export const isOn = (body: JsonBody, name: string): boolean => {
  const member = body.member(name)
  if (!member) return false
  const value = valueAt(body.bytes, member.start, member.end)
  return value !== false && value !== null
}

const routeBackground = (c: Context<Env>, stored: StoredResponses): void => {
  const candidates = c.get('candidates')
  const keeping = candidates.filter(({ provider }) => storesResponses(provider))
  if (keeping.length === 0) {
    const names = candidates.map(({ provider }) => `"${provider.id}"`).join(', ')
    throw new Failure(
      'invalid_request',
      `"background": true needs a provider that keeps responses, and ${names} does not: the answer could never be fetched. Leave "background" out.`,
      { reason: 'background' },
    )
  }
  if (stored.unsettled(c.get('auth').caller?.login ?? '') >= MOST_UNSETTLED) {
    throw new Failure(
      'rate_limited',
      `${MOST_UNSETTLED} background responses of yours were not fetched to their end. Fetch them first.`,
      { headers: { 'retry-after': '60' }, reason: 'background_unsettled' },
    )
  }
  c.set('candidates', keeping)
}

const routeToEarlier = async (
  c: Context<Env>,
  id: unknown,
  stored: StoredResponses,
): Promise<void> => {
  if (typeof id !== 'string') {
    throw new Failure('invalid_request', 'The field "previous_response_id" must be a string.')
  }
  const response = await stored.find(id, c.get('auth').caller?.login ?? '')
  const { allowsResource } = c.get('permissions')
  const there = ({ provider }: Candidate): boolean =>
    response
      ? provider.id === response.provider
      : allowsResource(provider.id, 'responses') && storesResponses(provider)
  const candidates = c.get('candidates').filter(there)
  if (candidates.length === 0) throw noResponse(id)
  c.set('candidates', candidates)
}

/** A conversation gives its content to every request in it: it needs a grant of the account's conversations. */
const routeToConversation = (c: Context<Env>): void => {
  const { allowsResource } = c.get('permissions')
  const candidates = c
    .get('candidates')
    .filter(({ provider }) => allowsResource(provider.id, 'conversations'))
  if (candidates.length === 0) {
    throw new Failure('not_found', 'There is no conversation here that you may use.', {
      reason: 'conversation_not_granted',
    })
  }
  c.set('candidates', candidates)
}

/** The same for an unknown id, one of another caller, and one whose model is not granted any more. */
export const noResponse = (id: string): Failure =>
  new Failure('not_found', `There is no response "${id.slice(0, 256)}" here.`, {
    reason: 'response_unknown',
  })
