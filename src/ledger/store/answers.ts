import type { KeySummary, Question, Questions } from '../../platform/records/questions.ts'
import { selectAudit } from './audit.ts'
import { selectBans } from './bans.ts'
import { selectBrowsers, selectEnded } from './browsers.ts'
import { selectCapture } from './captures.ts'
import { selectVersion, selectVersions } from './config-versions.ts'
import { selectExport, selectExportRows } from './exports.ts'
import { type KeyRow, limitsOf, listKeys } from './keys/keys.ts'
import { selectQuotas } from './quotas.ts'
import { selectResponse } from './responses.ts'
import type { Database } from './schema.ts'
import { selectSessions } from './sessions.ts'
import { selectAttempts } from './usage/attempts.ts'
import { selectGuesses, selectSpeeds } from './usage/doctor.ts'
import { selectRequest, selectRequests } from './usage/requests.ts'
import { selectGroups, selectPeople, selectSeries, selectTotals } from './usage/rollup.ts'

type Answers = {
  readonly [Name in Question]: (
    db: Database,
    asks: Questions[Name]['asks'],
  ) => Promise<Questions[Name]['answers']>
}

const answers: Answers = {
  attempts: selectAttempts,
  audit: selectAudit,
  bans: (db, { now }) => selectBans(db, now),
  browsers: selectBrowsers,
  endedBrowsers: selectEnded,
  capture: selectCapture,
  configVersions: selectVersions,
  configVersion: selectVersion,
  speeds: selectSpeeds,
  guesses: selectGuesses,
  quotas: (db, { since }) => selectQuotas(db, since),
  keys: async (db, { login }) =>
    (await listKeys(db)).filter((row) => login === undefined || row.login === login).map(toSummary),
  usageTotals: selectTotals,
  usageGroups: selectGroups,
  usageSeries: selectSeries,
  usagePeople: selectPeople,
  requests: selectRequests,
  request: selectRequest,
  sessions: selectSessions,
  response: selectResponse,
  exportState: selectExport,
  exportRows: selectExportRows,
}

/** Answers a question from the database. */
export const answer = <Name extends Question>(
  db: Database,
  name: Name,
  asks: Questions[Name]['asks'],
): Promise<Questions[Name]['answers']> => (answers[name] as Answers[Name])(db, asks)

const toSummary = (row: KeyRow): KeySummary => ({
  id: row.id,
  hint: row.hint,
  login: row.login,
  name: row.name,
  signed: row.kid !== null,
  limits: limitsOf(row),
  createdAt: row.createdAt,
  createdBy: row.createdBy,
  expiresAt: row.expiresAt,
  revokedAt: row.revokedAt,
  lastUsedAt: row.lastUsedAt,
})
