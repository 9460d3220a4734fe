import { z } from 'zod'
import { changedLines } from '../../../config/changed-lines.ts'
import { hideSecrets } from '../../../config/keep.ts'
import { Failure } from '../../../platform/failure.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { AuditRow, ConfigVersion } from '../../../platform/records/act.ts'
import type { ConfigVersionSummary } from '../../../platform/records/questions.ts'
import { type AdminRoute, route } from '../route.ts'

const summary = z.object({
  id: z.string(),
  at: z.string(),
  login: z.string().nullable().describe('Null: the file was changed by hand.'),
  request_id: z.string().nullable(),
  changes: z.string().describe('Lines that went and came.'),
})

const query = z.object({ limit: z.coerce.number().int().min(1).max(200).default(200) })

/** Configurations that were in force, so that one can go back to them. */
export const versionRoutes = ({ store }: Pick<Platform, 'store'>): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/config/versions',
    id: 'listConfigVersions',
    summary: 'Configurations that were put in force, newest first; the latest 200 are kept.',
    needs: 'admin',
    query,
    answers: z.object({ data: z.array(summary) }),
    handle: async (request) => {
      const rows = await store.ask('configVersions', query.parse(request.query))
      return request.c.json({ data: rows.map(toRow) })
    },
  }),
  route({
    method: 'get',
    path: '/postern/api/config/versions/{id}',
    id: 'getConfigVersion',
    summary:
      'One of them, secrets as marks. To go back to it, put its text in force; marks stand for the secrets of today.',
    needs: 'admin',
    answers: summary.extend({ config: z.string() }),
    handle: async ({ c }) => {
      const id = (c.req.param('id') ?? '').slice(0, 64)
      const row = await store.ask('configVersion', { id })
      if (!row) throw new Failure('not_found', 'There is no such version.')
      return c.json({ ...toRow(row), config: row.config })
    },
  }),
]

const toRow = ({ id, at, login, requestId, changes }: ConfigVersionSummary) => ({
  id,
  at: new Date(at).toISOString(),
  login: login || null,
  request_id: requestId || null,
  changes,
})

/**
 * Keeps what came in force by an edit of the file. To be called after each reload, with the text that is in force from
 * then on: the file may hold a newer one by now. What came from here is kept already.
 * @param started the text in force when the gateway starts
 */
export const watchHandEdits = (
  platform: Pick<Platform, 'store' | 'clock' | 'newId' | 'log'>,
  started: string,
): ((text: string) => Promise<void>) => {
  let last = Promise.resolve(hideSecrets(started))
  return async (text) => {
    const now = hideSecrets(text)
    const before = last
    const kept = before.then(async (known) => {
      if (now === undefined || known === undefined || now === known) return now ?? known
      await keepEdit(platform, known, now)
      return now
    })
    // What could not be kept now is kept with the next edit.
    last = kept.catch(() => before)
    await kept
  }
}

const keepEdit = async (
  { store, clock, newId, log }: Pick<Platform, 'store' | 'clock' | 'newId' | 'log'>,
  before: string,
  now: string,
): Promise<void> => {
  const newest = await store.ask('configVersion', {})
  if (newest?.config === now) return
  const by = { at: clock.now(), login: '', requestId: '' }
  const version = { ...by, id: newId(), changes: changedLines(before, now), config: now }
  const versions = [{ ...by, id: newId(), changes: '', config: before }, version]
  const audit = byHand(newId(), version)
  const { action, target, outcome } = audit
  log('info', 'audit', { action, target, outcome })
  await store.record({ audit, change: { kind: 'config.keep', versions } })
}

/** Whoever can write the file is on this machine, and has shown nothing to us. */
const byHand = (id: string, { at, changes }: ConfigVersion): AuditRow => ({
  id,
  at,
  login: '',
  kind: 'user',
  credentialId: '',
  door: 'local',
  clientIp: '',
  action: 'config.edit',
  target: 'configuration',
  outcome: 'done',
  detail: changes,
  requestId: '',
})
