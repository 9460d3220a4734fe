import type { Context, MiddlewareHandler } from 'hono'
import { check } from '../http/check.ts'
import type { BodyWatch, Env, Tap } from '../http/env.ts'
import type { Clock, Platform } from '../platform.ts'
import type { Candidate } from '../upstream/upstream.ts'
import { findId } from './find-id.ts'
import { isOn } from './heed-kept.ts'
import type { KeptResponses } from './kept-responses.ts'

export interface KeepOptions {
  readonly kept: KeptResponses
  readonly clock: Pick<Clock, 'now'>
  readonly waitUntil: Platform['waitUntil']
}

/** Remembers whose the responses are that pass, by the ids that providers give them. */
export const keepAnswers = (options: KeepOptions): MiddlewareHandler<Env> =>
  check(function keepAnswers(c) {
    const body = c.get('target').body?.read
    if (!body || (body.member('store') && !isOn(body, 'store'))) return
    const background = isOn(body, 'background')
    if (background) c.get('meter').chargeWhatIsTold(true)
    const before = c.get('tap')
    const tap: Tap = (candidate, head, watch) => {
      const others = before?.(candidate, head, watch) ?? watch
      if (head.status >= 300) return others
      const type = head.headers.find(([name]) => name === 'content-type')?.[1] ?? ''
      return watching(others, /^text\/event-stream/i.test(type), (id) =>
        remember(c, candidate, { ...options, id, background }),
      )
    }
    c.set('tap', tap)
  })

const watching = (watch: BodyWatch, streamed: boolean, found: (id: string) => void): BodyWatch => {
  const finder = findId(streamed, found)
  return {
    ...watch,
    push: (chunk) => {
      finder.push(chunk)
      return watch.push(chunk)
    },
    flush: () => {
      finder.end()
      return watch.flush()
    },
  }
}

const remember = (
  c: Context<Env>,
  { provider, model }: Candidate,
  { kept, clock, waitUntil, id, background }: KeepOptions & { id: string; background: boolean },
): void => {
  const login = c.get('auth').caller?.login ?? ''
  kept.remember({
    id,
    provider: provider.id,
    model,
    login,
    at: clock.now(),
    settled: !background,
  })
  // Streamed, it tells its use at once.
  if (background && kept.claim(id)) waitUntil(settled(c, kept, id))
}

/** Once the answer is over, the ledger has what the response used, or it is still to be told. */
export const settled = async (c: Context<Env>, kept: KeptResponses, id: string): Promise<void> => {
  const { tokensSource } = await c.get('meter').line
  kept.settle(id, tokensSource === 'reported')
}
