import { z } from 'zod'
import { parseQuota } from '../../config/values/quota-text.ts'
import type { Caller } from '../../platform/caller.ts'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { NewKey } from '../../platform/records/act.ts'
import type { KeySummary } from '../../platform/records/questions.ts'
import type { Audit } from './audit.ts'
import { type AdminRequest, type AdminRoute, route } from './route.ts'

export interface KeyRoutesOptions {
  readonly platform: Pick<Platform, 'store' | 'clock' | 'newId'>
  readonly audit: Audit
  /** A new secret, and what is kept of it. */
  readonly newKey: () => Promise<{
    readonly key: string
    readonly digest: string
    readonly hint: string
  }>
}

const patterns = z.array(z.string().regex(/^[^\s\p{C}\\!][^\s\p{C}\\]*$/u)).min(1)

const quota = z
  .strictObject({ capacity: z.string(), rate: z.string().optional() })
  .superRefine((given, context) => {
    const { why } = parseQuota(given)
    if (why !== undefined) context.addIssue(why)
  })

const wanted = z.strictObject({
  login: z
    .string()
    .regex(/^[^\s\p{C}]{1,254}$/u)
    .optional()
    .describe('Whose key; absent: your own. Another’s is for admins.'),
  name: z.string().max(128).default('').describe('What it is for.'),
  models: patterns.optional().describe('Patterns `provider/model`, within what the login may use.'),
  via: z
    .array(z.enum(['local', 'tailnet', 'public']))
    .min(1)
    .optional()
    .describe('Doors it works at.'),
  role: z.enum(['user', 'admin']).optional().describe('At most this role.'),
  quota: quota.optional().describe('A budget of its own, as `quotas` of the configuration has it.'),
  expires_in: z
    .int()
    .min(1)
    .max(315_360_000)
    .nullable()
    .default(7_776_000)
    .describe('Seconds; null: never. Default 90 days.'),
})
type Wanted = z.output<typeof wanted>

const summary = z.object({
  id: z.string(),
  hint: z.string().describe('How the key begins, after "pst_"; for a signed one how it ends.'),
  login: z.string(),
  name: z.string(),
  signed: z.boolean(),
  models: z.array(z.string()).nullable(),
  via: z.array(z.string()).nullable(),
  role: z.string().nullable(),
  quota: z.object({ capacity: z.string(), rate: z.string().optional() }).nullable(),
  created_at: z.string(),
  created_by: z.string(),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  last_used_at: z.string().nullable(),
})

const created = z.object({ key: z.string().describe('Shown this once.'), id: z.string() })

/** Keys: everybody their own, admins all of them. */
export const keyRoutes = (options: KeyRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/keys',
    id: 'listKeys',
    summary: 'API keys, newest first: your own; all of them for admins with ?all=true.',
    needs: 'role',
    query: z.object({ all: z.enum(['true', 'false']).optional() }),
    answers: z.object({ data: z.array(summary) }),
    handle: async (request) => {
      const rows = await options.platform.store.ask('keys', scope(request))
      return request.c.json({ data: rows.map(toSummary) })
    },
  }),
  route({
    method: 'post',
    path: '/postern/api/keys',
    id: 'createKey',
    summary: 'Makes an API key. It may do no more than its login, and is shown once.',
    needs: 'role',
    body: wanted,
    answers: created,
    action: 'key.create',
    handle: (request: AdminRequest<Wanted>) => create(options, request),
  }),
  route({
    method: 'delete',
    path: '/postern/api/keys/{id}',
    id: 'revokeKey',
    summary: 'Revokes a key; it stops working within a second.',
    needs: 'role',
    answers: z.object({ revoked: z.string() }),
    action: 'key.revoke',
    handle: (request) => revoke(options, request),
  }),
]

const isAdmin = ({ permissions }: AdminRequest<unknown>): boolean => permissions.role === 'admin'

const scope = (request: AdminRequest<unknown>): { login?: string } => {
  if (request.query.all !== 'true') return { login: request.caller.login }
  if (isAdmin(request)) return {}
  throw new Failure('not_allowed', 'Only admins see the keys of others.')
}

const create = async (
  { platform, audit, newKey }: KeyRoutesOptions,
  request: AdminRequest<Wanted>,
): Promise<Response> => {
  const { c, body, caller } = request
  mayMint(request)
  const login = body.login?.toLowerCase() ?? caller.login
  const { key, digest, hint } = await newKey()
  const row = rowOf({ body, login, caller, now: platform.clock.now(), id: platform.newId() })
  const change = { kind: 'key.create', key: { ...row, digest, hint } } as const
  const detail = JSON.stringify({ login, name: row.name, ...row.limits })
  await audit(c, 'key.create', 'done', { target: row.id, detail, change })
  return c.json({ key, id: row.id }, 201)
}

/** A key is as strong as its login: who is limited by a key of their own must not get around it by a second one. */
const mayMint = (request: AdminRequest<Wanted>): void => {
  const { caller, body } = request
  const forAnother = body.login !== undefined && body.login.toLowerCase() !== caller.login
  if (forAnother && !isAdmin(request)) {
    throw new Failure('not_allowed', 'Only admins make keys for others.')
  }
  if (caller.kind === 'key' || caller.kind === 'token' || caller.through !== undefined) {
    throw new Failure('not_allowed', 'Keys are made by people, not by keys: sign in yourself.')
  }
  if (caller.kind === 'node' || caller.shared) {
    throw new Failure('not_allowed', 'A key stands for a person; this caller is none.')
  }
}

interface Row {
  readonly body: Wanted
  readonly login: string
  readonly caller: Caller
  readonly now: number
  readonly id: string
}

const rowOf = ({ body, login, caller, now, id }: Row): NewKey => {
  const { models, via, role, quota } = body
  return {
    id,
    digest: null,
    kid: null,
    hint: '',
    login,
    name: body.name,
    limits: {
      ...(models && { models }),
      ...(via && { via }),
      ...(role && { role }),
      ...(quota && {
        quota: { capacity: quota.capacity, ...(quota.rate && { rate: quota.rate }) },
      }),
    },
    createdAt: now,
    createdBy: caller.login,
    expiresAt: body.expires_in === null ? null : now + body.expires_in * 1000,
  }
}

const revoke = async (
  { platform, audit }: KeyRoutesOptions,
  request: AdminRequest<unknown>,
): Promise<Response> => {
  const { c, caller } = request
  const id = c.req.param('id') ?? ''
  const mine = isAdmin(request) ? {} : { login: caller.login }
  const key = (await platform.store.ask('keys', mine)).find((row) => row.id === id)
  if (!key) throw new Failure('not_found', 'There is no such key.')
  const change = { kind: 'key.revoke', id, at: platform.clock.now() } as const
  await audit(c, 'key.revoke', 'done', { target: id, detail: key.login, change })
  return c.json({ revoked: id })
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

const toSummary = (row: KeySummary): z.output<typeof summary> => ({
  id: row.id,
  hint: row.hint,
  login: row.login,
  name: row.name,
  signed: row.signed,
  models: row.limits.models ? [...row.limits.models] : null,
  via: row.limits.via ? [...row.limits.via] : null,
  role: row.limits.role ?? null,
  quota: row.limits.quota ?? null,
  created_at: iso(row.createdAt) ?? '',
  created_by: row.createdBy,
  expires_at: iso(row.expiresAt),
  revoked_at: iso(row.revokedAt),
  last_used_at: iso(row.lastUsedAt),
})
