import type { Context, Handler } from 'hono'
import type { z } from 'zod'
import { readBody } from '../../gateway/http/body.ts'
import type { Env, Permissions } from '../../gateway/http/env.ts'
import type { Caller } from '../../platform/caller.ts'
import { type Detail, Failure } from '../../platform/failure.ts'
import type { Audit } from './audit.ts'
import type { AdminRoute, Needs } from './route.ts'

/** As much as a configuration may have, and some. */
const limits = { body: 2 * 1024 * 1024, bodyIdle: 30_000 }

/** Makes a handler of a route: may they, is what they sent sound, and what is put on record. */
export const guarded =
  (route: AdminRoute, audit: Audit): Handler<Env> =>
  async (c) => {
    const caller = c.get('auth').caller as Caller
    const permissions = c.get('permissions')
    if (!may(permissions, route.needs)) {
      if (route.action) await audit(c, route.action, 'denied', { target: c.req.path })
      throw new Failure('not_allowed', refusals[route.needs])
    }
    const query = route.query ? sound(route.query, c.req.query(), 'query') : {}
    const body = route.body ? sound(route.body, await json(c), 'body') : undefined
    const answer = await route.handle({ c, caller, permissions, body, query })
    answer.headers.set('cache-control', 'no-store')
    return answer
  }

const may = (permissions: Permissions, needs: Needs): boolean => {
  switch (needs) {
    case 'role':
      return true
    case 'admin':
      return permissions.role === 'admin'
    case 'read_pricing':
      return permissions.readPricing
  }
}

const refusals: Readonly<Record<Needs, string>> = {
  role: 'A role is needed for this.',
  admin: 'Only admins may do this: a grant with "role": "admin" makes one.',
  read_pricing: 'A grant with "read_pricing": true is needed for this, for admins too.',
}

/** Only JSON: a form of another site can send anything else without asking. */
const json = async (c: Context<Env>): Promise<unknown> => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new Failure('unsupported_media_type', 'Send application/json.')
  }
  const bytes = await readBody(c.req.raw, { limits })
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
  } catch {
    throw new Failure('invalid_request', 'The body is not valid JSON.')
  }
}

const sound = <T>(schema: z.ZodType<T>, given: unknown, place: string): T => {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const details = parsed.error.issues.map(
    ({ path, message }): Detail => ({ location: [place, ...path].join('.'), message }),
  )
  throw new Failure('invalid_content', 'The request is invalid.', { details })
}
