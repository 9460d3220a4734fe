import { LRUCache } from 'lru-cache'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { StoredResponse } from '../../platform/records/stored-response.ts'

/** The owners of stored responses, across configurations and restarts. */
export interface StoredResponses {
  /** From now on only this login may fetch it. An id stays with the login that it was first seen for. */
  remember(response: StoredResponse): void
  /**
   * Undefined: unknown, or of another login.
   * @throws Failure `not_ready` where the database cannot tell
   */
  find(id: string, login: string): Promise<StoredResponse | undefined>
  /** Reserves the charge for one request that may report the usage. False: it is charged, or reserved, already. */
  claim(id: string): boolean
  /** Ends a claim. */
  settle(id: string, charged: boolean): void
  /** Background responses of this login whose usage is not on the ledger yet, as far as this process knows. */
  unsettled(login: string): number
}

/** Older ones are looked up in the database. */
const REMEMBERED = 10_000
/** A background response that was not fetched within a day no longer counts against its caller. */
const DAY = 86_400_000

export const createStoredResponses = ({
  store,
  clock,
  waitUntil,
  log,
}: Pick<Platform, 'store' | 'clock' | 'waitUntil' | 'log'>): StoredResponses => {
  const known = new LRUCache<string, StoredResponse>({ max: REMEMBERED })
  const open = new Map<string, StoredResponse>()
  const claimed = new Set<string>()

  const save = (response: StoredResponse): void => {
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
      const found = known.get(id) ?? (await lookUp(id))
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

  async function lookUp(id: string): Promise<StoredResponse | null> {
    try {
      return await store.ask('response', { id })
    } catch {
      throw new Failure(
        'not_ready',
        'The owner of that response cannot be looked up right now. Try again.',
        {
          headers: { 'retry-after': '5' },
          reason: 'responses_unread',
        },
      )
    }
  }
}
