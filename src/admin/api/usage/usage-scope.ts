import { z } from 'zod'
import { Failure } from '../../../platform/failure.ts'
import type { UsageScope } from '../../../platform/records/figures.ts'
import { OUTCOMES } from '../../../platform/records/usage.ts'
import type { AdminRequest } from '../route.ts'

const name = z.string().max(512).optional()

/** `2026-11-21`, or with a time and an offset. */
export const moment = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()])
  .describe('ISO 8601; a date is its midnight UTC.')

/** What every question about the ledger can be narrowed to. */
export const scopeQuery = z.object({
  since: moment
    .optional()
    .describe(
      'Inclusive, ISO 8601. Default: seven days ago. Whole hours and days are answered soonest.',
    ),
  until: moment.optional().describe('Exclusive, ISO 8601. Default: now.'),
  login: name.describe('Of one person: your own, or for admins anybody’s.'),
  model: name.describe('By its provider’s name for it, or as `provider/model`.'),
  provider: name,
  door: z.enum(['local', 'tailnet', 'public']).optional(),
  agent: name.describe('The program that called, as `claude-code`, `codex`, `curl`, `other`.'),
  status: z.coerce.number().int().min(100).max(599).optional(),
  outcome: z.enum(OUTCOMES).optional(),
  error_code: name.describe('Ours or the provider’s, of requests that did not end well.'),
})
export type ScopeQuery = z.output<typeof scopeQuery>

const hour = 3_600_000
const week = 7 * 24 * hour

/**
 * What they may see of what they ask for.
 * @throws Failure 403 when it is somebody else's
 */
export const scopeOf = (request: AdminRequest<unknown>, now: number): UsageScope => {
  const { since, until, login, model, provider, door, agent, status, outcome } =
    request.query as ScopeQuery
  const { error_code: errorCode } = request.query as ScopeQuery
  const named = { model, provider, door, agent, status, outcome, errorCode }
  const given = Object.entries(named).filter(([, value]) => value !== undefined)
  const end = until === undefined ? now : Date.parse(until)
  return {
    since: since === undefined ? now - (now % hour) - week : Date.parse(since),
    // Nothing began after now, so that the sums of the hour that has begun will do.
    ...(end < now && { until: end }),
    ...loginOf(request, login),
    ...(Object.fromEntries(given) as Omit<UsageScope, 'since' | 'until' | 'login'>),
  }
}

/** Everybody sees their own, admins anybody's. */
export const loginOf = (
  { caller, permissions }: AdminRequest<unknown>,
  asked: string | undefined,
): { readonly login?: string } => {
  if (permissions.role === 'admin') return asked === undefined ? {} : { login: asked }
  if (asked !== undefined && asked !== caller.login) {
    throw new Failure('not_allowed', 'Only admins see what others do.')
  }
  return { login: caller.login }
}

export const iso = (at: number): string => new Date(at).toISOString()

export const refuse = (location: string, message: string): Failure =>
  new Failure('invalid_content', 'The request is invalid.', {
    details: [{ location, message }],
  })
