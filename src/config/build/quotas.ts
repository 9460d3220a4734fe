import type { QuotaConfig } from '../config.ts'
import type { ConfigFile } from '../schema.ts'
import { holderOf, parseQuota, splitName } from '../values/quota-text.ts'

/** By name, template included. */
export const buildQuotas = (quotas: ConfigFile['quotas']): ReadonlyMap<string, QuotaConfig> =>
  new Map(Object.entries(quotas).map(([name, quota]) => [name, toQuota(name, quota)]))

const toQuota = (name: string, file: ConfigFile['quotas'][string]): QuotaConfig => {
  const per = holderOf(name)
  const { stem } = splitName(name)
  if (per === undefined) return { name, stem, per: 'everybody', limit: undefined }
  const read = parseQuota(file)
  return { name, stem, per, limit: read.why === undefined ? read.limit : undefined }
}
