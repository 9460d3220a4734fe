import { LRUCache } from 'lru-cache'

/**
 * Holds so many at most, and forgets who was not asked about for longest. Takes memory as it is needed: told its `max`, the
 * library takes at once what all of them need, which is megabytes, and most gateways have ten callers.
 */
export const lru = <Value extends {}>(most: number): LRUCache<string, Value> =>
  new LRUCache({ maxSize: most, sizeCalculation: () => 1 })
