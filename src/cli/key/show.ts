import type { KeyRow } from '../../ledger/store/keys/keys.ts'
import { table } from '../table.ts'

export type KeyState = 'active' | 'expired' | 'revoked'

export const stateOf = ({ revokedAt, expiresAt }: KeyRow, now: number): KeyState => {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active'
}

const columns = ['id', 'key', 'login', 'name', 'state', 'limits', 'expires', 'last used']

export const asTable = (rows: readonly KeyRow[], now: number): string =>
  rows.length === 0
    ? 'there are no keys\n'
    : table(
        columns.map((name) => ({ name })),
        rows.map((row) => [
          row.id,
          shown(row),
          row.login,
          row.name || '-',
          stateOf(row, now),
          limitsOf(row),
          row.expiresAt === null ? 'never' : iso(row.expiresAt),
          row.lastUsedAt === null ? '-' : iso(row.lastUsedAt),
        ]),
      )

export const asJson = (row: KeyRow, now: number) => ({
  id: row.id,
  key: shown(row),
  signed_by: row.kid,
  login: row.login,
  name: row.name,
  state: stateOf(row, now),
  models: row.models,
  via: row.via,
  role: row.role,
  quota: row.quota,
  created_at: iso(row.createdAt),
  created_by: row.createdBy,
  expires_at: row.expiresAt === null ? null : iso(row.expiresAt),
  revoked_at: row.revokedAt === null ? null : iso(row.revokedAt),
  last_used_at: row.lastUsedAt === null ? null : iso(row.lastUsedAt),
})

/** As much as may be seen of a key: how a random one begins, how a signed one ends. */
export const shown = ({ kid, hint }: KeyRow): string => (kid === null ? `pst_${hint}…` : `…${hint}`)

const limitsOf = ({ models, via, role, quota }: KeyRow): string => {
  const parts = [
    ...(models ?? []),
    ...(via ?? []).map((door) => `via ${door}`),
    role ?? '',
    ...(quota ? [quota.capacity, quota.rate ?? ''] : []),
  ]
  return parts.filter((part) => part !== '').join(' ') || '-'
}

export const iso = (at: number): string => new Date(at).toISOString()

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
