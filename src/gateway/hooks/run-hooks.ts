import type { Context, MiddlewareHandler } from 'hono'
import type { Config } from '../../config/config.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Candidate } from '../../platform/upstream.ts'
import type { Directory } from '../../tailscale/directory.ts'
import { pass } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import { ClientLeft } from './call.ts'
import { guard } from './guard.ts'
import type { Facts, QuotaState } from './payload.ts'
import { createRedactor } from './redact/redact.ts'
import { isTold, Report } from './report.ts'
import type { HooksState } from './state.ts'
import { type Hooks, type HookUse, usesOf } from './uses.ts'

export interface HooksOptions extends Pick<Platform, 'clock' | 'log' | 'newId'> {
  readonly config: Pick<Config, 'hooks' | 'limits'>
  readonly state: HooksState
  readonly directory: Pick<Directory, 'tailnet'>
  /** Buckets that a request of this caller is charged to. Absent: there are none. */
  readonly quotas?: (c: Context<Env>, candidate: Candidate) => Readonly<Record<string, QuotaState>>
}

/**
 * Asks the guards that the caller's grants name before a request goes out, and tells hooks of it when it is over. A
 * request that may be served by several providers is checked by the guards of all of them: the one that serves it in
 * the end must not have slipped past its own.
 */
export const runHooks = (options: HooksOptions): MiddlewareHandler<Env> => {
  const { config, log, newId } = options
  const { call, deliveries } = options.state
  deliveries.use(config.hooks)
  const guards = {
    ...options,
    call,
    maxAnswer: config.limits.body,
    redact: createRedactor(options),
  }
  if (config.hooks.size === 0) return pass
  return async function runHooks(c, next) {
    const uses = (...candidates: Candidate[]) => usesFor(c, candidates, config.hooks)
    const all = uses(...c.get('candidates'))
    const [first] = c.get('candidates')
    if (all.length === 0 || !first) return next()
    const asked = all.filter(({ events }) => events.has('pre_request'))
    if (asked.length > 0) c.set('guarded', await guard(guardedOf(c, first, options), asked, guards))
    if (!all.some(isTold)) return next()
    for (const target of [c.get('target'), c.get('guarded')]) target?.keep()
    const report = new Report({
      deliveries,
      newId,
      log,
      requestId: c.get('requestId'),
      usesFor: (candidate) => uses(candidate),
      factsFor: (candidate) => factsOf(c, candidate, options),
      line: () => c.get('meter').line,
    })
    c.set('tap', report.tap)
    await next()
    if (c.error) report.unanswered(first, outcomeOf(c), c.res.status)
  }
}

const usesFor = (
  c: Context<Env>,
  candidates: readonly Candidate[],
  hooks: Hooks,
): readonly HookUse[] => {
  const permissions = c.get('permissions')
  return usesOf(
    candidates.flatMap(({ provider, model }) => permissions.entriesFor(provider.id, model)),
    hooks,
  )
}

const outcomeOf = (c: Context<Env>): 'client_gone' | 'upstream_error' =>
  c.req.raw.signal.aborted ? 'client_gone' : 'upstream_error'

const guardedOf = (c: Context<Env>, first: Candidate, options: HooksOptions) => ({
  target: c.get('target'),
  facts: factsOf(c, first, options),
  requestId: c.get('requestId'),
  signal: c.req.raw.signal,
})

const maxText = 256

const factsOf = (
  c: Context<Env>,
  candidate: Candidate,
  { quotas, directory }: HooksOptions,
): Facts => {
  const header = (name: string): string => (c.req.header(name) ?? '').slice(0, maxText)
  const target = c.get('guarded') ?? c.get('target')
  const { caller } = c.get('auth')
  return {
    metadata: {
      login_name: caller?.login ?? '',
      user_agent: header('user-agent'),
      url: c.req.path,
      model: candidate.model,
      provider: candidate.provider.id,
      // Empty where tailscaled told nothing. A device's name is not a stable id: its owner can change it.
      tailnet_name: directory.tailnet() ?? '',
      stable_node_id: caller?.nodeId ?? '',
      request_id: c.get('requestId'),
      session_id: c.get('meter').sessionId ?? '',
    },
    body: target.body?.read,
    grants: c.get('permissions').capabilities,
    quotas: quotas?.(c, candidate) ?? {},
  }
}

/** Did the client leave before there was an answer? */
export const isClientLeft = (error: Error): boolean => error instanceof ClientLeft
