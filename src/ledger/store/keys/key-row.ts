import type { NewKey } from '../../../platform/records/act.ts'
import type { KeyRow } from './keys.ts'

/** A new key as the table has it. */
export const keyRow = ({ limits, ...key }: NewKey): KeyRow => ({
  ...key,
  models: limits.models ? [...limits.models] : null,
  via: limits.via ? [...limits.via] : null,
  role: limits.role ?? null,
  quota: limits.quota ?? null,
  revokedAt: null,
  lastUsedAt: null,
})
