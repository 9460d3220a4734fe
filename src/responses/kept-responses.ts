import { LRUCache } from 'lru-cache'
import { Failure } from '../http/errors.ts'
import type { Platform } from '../platform.ts'
import type { KeptResponse } from './kept-response.ts'

/** Which responses belong to whom, across configurations and restarts. */
export interface KeptResponses {
  /** From now on only this caller may ask for it. The first to name an id has it. */
  remember(response: KeptResponse): void
  /**
   * Undefined: not this caller's, or not known.
   * @throws Failure `not_ready` where the database cannot tell
   */
  find(id: string, login: string): Promise<KeptResponse | undefined>
  /** The next answer that tells what a response used is the one to be charged. False: it was charged, or is about to be. */
  claim(id: string): boolean
  /** What became of a claim. */
  settle(id: string, charged: boolean): void
  /** Background responses of this caller whose use is not on the ledger yet, as far as this process knows. */
  unsettled(login: string): number
}

/** Looked up in the database beyond that. */
const REMEMBERED = 10_000
/** OpenAI keeps a response for 30 days; a background response that was not fetched in a day is not waited for. */
const DAY = 86_400_000

export const createKeptResponses = ({
  store,
  clock,
  waitUntil,
  log,
}: Pick<Platform, 'store' | 'clock' | 'waitUntil' | 'log'>): KeptResponses => {
  const known = new LRUCache<string, KeptResponse>({ max: REMEMBERED })
  const open = new Map<string, KeptResponse>()
  const claimed = new Set<string>()

  const save = (response: KeptResponse): void => {
    known.set(response.id, response)
    const lost = (error: unknown) =>
      log('error', 'responses.not_saved', {
        reason: error instanceof Error ? error.name : 'unknown',
      })
    waitUntil(store.saveResponse(response).catch(lost))
  }

  return {
    remember: (response) => {
      if (known.has(response.id)) return
      if (!response.settled) open.set(response.id, response)
      save(response)
    },
    find: async (id, login) => {
      const found = known.get(id) ?? (await asked(id))
      if (!found) return undefined
      known.set(id, found)
      return found.login === login ? found : undefined
    },
    claim: (id) => {
      if (known.get(id)?.settled !== false || claimed.has(id)) return false
      claimed.add(id)
      return true
    },
    settle: (id, charged) => {
      claimed.delete(id)
      const response = known.get(id)
      if (!charged || !response) return
      open.delete(id)
      save({ ...response, settled: true })
    },
    unsettled: (login) => {
      const since = clock.now() - DAY
      let count = 0
      for (const response of open.values()) {
        if (response.at < since) open.delete(response.id)
        else if (response.login === login) count++
      }
      return count
    },
  }

  async function asked(id: string): Promise<KeptResponse | null> {
    try {
      return await store.ask('response', { id })
    } catch {
      throw new Failure('not_ready', 'The ledger does not say whose response that is. Try again.', {
        headers: { 'retry-after': '5' },
        reason: 'responses_unread',
      })
    }
  }
}
