import type { Context } from 'hono'
import type { z } from 'zod'
import type { Env, Permissions } from '../../gateway/http/env.ts'
import type { Caller } from '../../platform/caller.ts'

/** Who may use a route: anyone with a role, or those whom a grant gives more. */
export type Needs = 'role' | 'admin' | 'read_pricing'

/** One operation of our own API: what the router, the guard, the audit and the OpenAPI description need to know. */
export interface AdminRoute<Body = unknown> {
  readonly method: 'get' | 'put' | 'post' | 'delete'
  /** As OpenAPI writes it, `/postern/api/keys/{id}`. */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly needs: Needs
  readonly body?: z.ZodType<Body>
  readonly query?: z.ZodObject
  /** Request headers that it reads, by name. */
  readonly headers?: Readonly<Record<string, { readonly needed: boolean; readonly what: string }>>
  readonly answers: z.ZodType
  /** `thing.verb`, for what leaves a line in the audit. */
  readonly action?: string
  handle(request: AdminRequest<Body>): Promise<Response> | Response
}

export interface AdminRequest<Body> {
  readonly c: Context<Env>
  readonly caller: Caller
  readonly permissions: Permissions
  readonly body: Body
  readonly query: Readonly<Record<string, unknown>>
}

/** Keeps the body's type between schema and handler. */
export const route = <Body>(given: AdminRoute<Body>): AdminRoute => given as unknown as AdminRoute
