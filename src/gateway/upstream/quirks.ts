import type { Provider } from '../../platform/upstream.ts'

/** What was found out about providers by asking them, kept across configurations. */
export interface Quirks {
  /** Should a chat be asked for its usage, which it was not by its client? */
  asksUsage(provider: Provider): boolean
  /** The provider took a request that asked for usage. */
  tookUsage(provider: Provider): void
  /** The provider refused a request that asked for usage, and took the same without. */
  refusedUsage(provider: Provider): void
  hasTakenUsage(provider: Provider): boolean
}

export const createQuirks = (): Quirks => {
  const took = new Set<string>()
  const refused = new Set<string>()
  return {
    asksUsage: (provider) => provider.streamOptions !== false && !refused.has(keyOf(provider)),
    tookUsage: (provider) => took.add(keyOf(provider)),
    refusedUsage: (provider) => refused.add(keyOf(provider)),
    hasTakenUsage: (provider) => took.has(keyOf(provider)),
  }
}

/** What is known is known of an address. */
const keyOf = ({ id, baseurl }: Provider): string => `${id} ${baseurl}`
