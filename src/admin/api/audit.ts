import type { Context } from 'hono'
import type { Env } from '../../gateway/http/env.ts'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { AuditRow, Change } from '../../platform/records/act.ts'

export interface Done {
  readonly target: string
  readonly detail?: string
  /** Written with the audit, in one transaction. */
  readonly change?: Change
}

export type Audit = (
  c: Context<Env>,
  action: string,
  outcome: AuditRow['outcome'],
  done: Done,
) => Promise<void>

/** Nothing longer is worth keeping. */
const longest = 2000

/**
 * Writes who did, or tried, what. An act that cannot be put on record is not done.
 * @throws Failure 503 when the database does not take it
 */
export const createAudit =
  ({ store, clock, newId, log }: Platform): Audit =>
  async (c, action, outcome, { target, detail = '', change }) => {
    const { caller } = c.get('auth')
    const { door, ip } = c.get('client')
    const audit: AuditRow = {
      id: newId(),
      at: clock.now(),
      login: caller?.login ?? '',
      kind: caller?.kind ?? 'user',
      credentialId: caller?.credentialId ?? '',
      door,
      clientIp: ip,
      action,
      target: target.slice(0, longest),
      outcome,
      detail: detail.slice(0, longest),
      requestId: c.get('requestId'),
    }
    log('info', 'audit', { ip, user: audit.login, action, target: audit.target, outcome })
    try {
      await store.record({ audit, ...(change && { change }) })
    } catch (error) {
      log('error', 'audit.lost', { reason: String(error) })
      throw new Failure('not_ready', 'The database does not take the record, so nothing was done.')
    }
  }
