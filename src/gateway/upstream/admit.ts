import { Failure } from '../../platform/failure.ts'
import type { Provider } from '../../platform/upstream.ts'

/** Gives up a place; harmless when called again. */
export type Release = () => void

/**
 * A place at a provider: at once when one is free, else in the order of arrival. Who leaves loses its turn.
 * Rejects with `Failure` `overloaded` when as many wait as may, with the signal's reason when the client left.
 */
export type Admit = (provider: Provider, signal: () => AbortSignal) => Release | Promise<Release>

/** How busy a provider is. */
export interface Load {
  /** Requests under way. */
  readonly open: number
  /** Requests in its queue. */
  readonly waiting: number
}

export interface Admission {
  readonly admit: Admit
  load(provider: string): Load
}

interface Places {
  taken: number
  /** As last configured. */
  concurrency: number
  readonly waiting: Set<() => void>
}

/** Counted by provider id and kept across configurations: requests under way go on holding their places. */
export const createAdmission = (): Admission => {
  const places = new Map<string, Places>()
  const admit: Admit = (provider, signal) => {
    const { concurrency = Number.POSITIVE_INFINITY, queue = 0 } = provider.limits ?? {}
    const here = places.get(provider.id) ?? { taken: 0, concurrency, waiting: new Set() }
    places.set(provider.id, here)
    here.concurrency = concurrency
    if (here.taken < concurrency) return take(here)
    if (here.waiting.size >= queue) throw full()
    return wait(here, signal())
  }
  const load = (provider: string): Load => {
    const here = places.get(provider)
    return { open: here?.taken ?? 0, waiting: here?.waiting.size ?? 0 }
  }
  return { admit, load }
}

const take = (here: Places): Release => {
  here.taken++
  let held = true
  return () => {
    if (!held) return
    held = false
    here.taken--
    const [next] = here.waiting
    if (here.taken < here.concurrency) next?.()
  }
}

const wait = (here: Places, signal: AbortSignal): Promise<Release> =>
  new Promise((resolve, reject) => {
    const leave = () => {
      here.waiting.delete(turn)
      reject(signal.reason as Error)
    }
    const turn = () => {
      here.waiting.delete(turn)
      signal.removeEventListener('abort', leave)
      resolve(take(here))
    }
    if (signal.aborted) {
      leave()
      return
    }
    signal.addEventListener('abort', leave, { once: true })
    here.waiting.add(turn)
  })

const full = (): Failure =>
  new Failure('overloaded', 'The model server has as much to do as it may. Try again shortly.', {
    headers: { 'retry-after': '5' },
    reason: 'queue_full',
  })
