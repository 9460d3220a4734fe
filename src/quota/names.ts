import type { GrantEntry, QuotaConfig, QuotaLimit } from '../config/config.ts'
import { parseQuota, splitName } from '../config/values/quota-text.ts'
import type { Caller } from '../identity/caller.ts'

/** Whose bucket of which quota. */
export interface BucketRef {
  /** Name of the quota, template included. */
  readonly quota: string
  /** Login, node or id of an API key; empty for a bucket that is everybody's. */
  readonly holder: string
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

/**
 * The chains that entries of grants charge this caller's requests to, and the budgets of the keys they come with. A
 * bucket that several entries name is charged once, and borrows wherever one of them lets it.
 */
export function chainsOf(
  entries: readonly GrantEntry[],
  caller: Pick<Caller, 'login' | 'node' | 'credentialId' | 'limits' | 'through'>,
  quotas: ReadonlyMap<string, QuotaConfig>,
): ChainRef[] {
  const chains = new Map<string, Set<string>>()
  for (const { quotas: charged = [] } of entries) {
    for (const { bucket, overdraft } of charged) {
      chains.set(bucket, new Set([...(chains.get(bucket) ?? [bucket]), ...overdraft]))
    }
  }
  const ofGrants = [...chains.values()].map((names) =>
    [...names].map((quota) => ({ quota, holder: holderOf(quotas.get(quota), caller) })),
  )
  return [...ofGrants, ...ofKey(caller), ...(caller.through ? ofKey(caller.through) : [])]
}

/** Who comes from no node of the tailnet is counted by login: nobody escapes by the other door. */
function holderOf(quota: QuotaConfig | undefined, { login, node }: Pick<Caller, 'login' | 'node'>) {
  switch (quota?.per) {
    case 'user':
      return login
    case 'node':
      return node ?? login
    default:
      return ''
  }
}

const ofKey = ({ credentialId, limits }: Pick<Caller, 'credentialId' | 'limits'>): ChainRef[] => {
  if (!limits?.quota) return []
  const { limit } = parseQuota(limits.quota)
  return [[{ quota: KEYS, holder: credentialId, ...(limit && { limit }) }]]
}
