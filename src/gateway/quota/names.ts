import type { GrantEntry, QuotaConfig, QuotaLimit } from '../../config/config.ts'
import { parseQuota, splitName } from '../../config/values/quota-text.ts'
import type { Caller } from '../../platform/caller.ts'

/** Whose bucket of which quota. */
export interface BucketRef {
  /** Name of the quota, template included. */
  readonly quota: string
  /** Login, stable id of a node or id of an API key; empty for a bucket that all callers share. */
  readonly holder: string
  /** What earlier versions called the holder: the name of the device. */
  readonly formerly?: string
  /** Where no configuration defines it: the budget of an API key. */
  readonly limit?: QuotaLimit
}

/** The first is charged, and those after it lend. Never empty. */
export type ChainRef = readonly BucketRef[]

/** The quota of the buckets that API keys have of their own. Nobody can define one of this name with a holder. */
export const KEYS = '(key)'

/** As people and Aperture's API name a bucket: `team`, `day:ana@example.com`, `(key):0199…`. */
export const nameOf = ({ quota, holder }: Pick<BucketRef, 'quota' | 'holder'>): string =>
  holder === '' ? quota : `${splitName(quota).stem}:${holder}`

/** What a name means that no used bucket has: the full bucket of a holder of whom nothing is known yet. */
export const unusedRef = (
  bucket: string,
  quotas: ReadonlyMap<string, QuotaConfig>,
): readonly BucketRef[] => {
  const { stem, template: holder = '' } = splitName(bucket)
  const own = [...quotas.values()].find((quota) => quota.per !== 'everybody' && quota.stem === stem)
  return own && holder !== '' ? [{ quota: own.name, holder }] : []
}

/**
 * The chains that entries of grants charge this caller's requests to, and the budgets of the keys they come with. A
 * bucket that several entries name is charged once, and borrows wherever one of them lets it.
 */
export function chainsOf(
  entries: readonly GrantEntry[],
  caller: Pick<Caller, 'login' | 'node' | 'nodeId' | 'credentialId' | 'limits' | 'through'>,
  quotas: ReadonlyMap<string, QuotaConfig>,
): ChainRef[] {
  const chains = new Map<string, Set<string>>()
  for (const { quotas: charged = [] } of entries) {
    for (const { bucket, overdraft } of charged) {
      chains.set(bucket, new Set([...(chains.get(bucket) ?? [bucket]), ...overdraft]))
    }
  }
  const ofGrants = [...chains.values()].map((names) =>
    [...names].map((quota) => ({ quota, ...holderOf(quotas.get(quota), caller) })),
  )
  return [...ofGrants, ...ofKey(caller), ...(caller.through ? ofKey(caller.through) : [])]
}

/**
 * A node goes by its stable id, as in Aperture: its name can be changed by its owner, and with a new name would come a
 * full bucket. A caller that comes from no node is counted by login, so that the other door is no way around.
 */
function holderOf(
  quota: QuotaConfig | undefined,
  { login, node, nodeId }: Pick<Caller, 'login' | 'node' | 'nodeId'>,
): Pick<BucketRef, 'holder' | 'formerly'> {
  switch (quota?.per) {
    case 'user':
      return { holder: login }
    case 'node':
      if (nodeId === undefined) return { holder: node ?? login }
      return { holder: nodeId, ...(node !== undefined && node !== nodeId && { formerly: node }) }
    default:
      return { holder: '' }
  }
}

const ofKey = ({ credentialId, limits }: Pick<Caller, 'credentialId' | 'limits'>): ChainRef[] => {
  if (!limits?.quota) return []
  const { limit } = parseQuota(limits.quota)
  return [[{ quota: KEYS, holder: credentialId, ...(limit && { limit }) }]]
}
