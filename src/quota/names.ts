import type { GrantEntry, QuotaConfig } from '../config/config.ts'
import type { Caller } from '../identity/caller.ts'

/** Whose bucket of which quota. */
export interface BucketRef {
  /** Name of the quota, template included. */
  readonly quota: string
  /** Login or node; empty for a bucket that is everybody's. */
  readonly holder: string
}

/** As people and Aperture's API name a bucket: `team`, `day:ana@example.com`. */
export const nameOf = ({ quota, holder }: BucketRef): string =>
  holder === '' ? quota : `${quota.split(':', 1)[0]}:${holder}`

/** The buckets that entries of grants charge this caller's requests to, each once. */
export function bucketsOf(
  entries: readonly GrantEntry[],
  caller: Pick<Caller, 'login' | 'node'>,
  quotas: ReadonlyMap<string, QuotaConfig>,
): BucketRef[] {
  const names = new Set(entries.flatMap((entry) => entry.quotas ?? []))
  return [...names].map((quota) => ({ quota, holder: holderOf(quotas.get(quota), caller) }))
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
