import type { Context, MiddlewareHandler } from 'hono'
import type { Clock, Platform } from '../../platform/platform.ts'
import type { Candidate } from '../../platform/upstream.ts'
import { check } from '../http/check.ts'
import type { AnswerHead, BodyWatch, Env, Tap } from '../http/env.ts'
import { findId, type IdFinder } from './find-id.ts'
import { isOn } from './route-stored.ts'
import type { StoredResponses } from './stored-responses.ts'

export interface RememberOptions {
  readonly stored: StoredResponses
  readonly clock: Pick<Clock, 'now'>
  readonly waitUntil: Platform['waitUntil']
}

/** Remembers the caller of each response by the id that the provider gives it. */
export const rememberIds = (options: RememberOptions): MiddlewareHandler<Env> =>
  check(function rememberIds(c) {
    const body = c.get('target').body?.read
    if (!body || (body.member('store') && !isOn(body, 'store'))) return
    const background = isOn(body, 'background')
    if (background) c.get('meter').chargeReportedOnly(true)
    const before = c.get('tap')
    const tap: Tap = (candidate, head, watch) => {
      const others = before?.(candidate, head, watch) ?? watch
      if (head.status >= 300) return others
      return watching(others, head.reading, (id) =>
        remember(c, candidate, { ...options, id, background }),
      )
    }
    c.set('tap', tap)
  })

const watching = (
  watch: BodyWatch,
  reading: AnswerHead['reading'],
  found: (id: string) => void,
): BodyWatch => {
  let finder: IdFinder | undefined
  return {
    ...watch,
    push: (chunk) => {
      // The first bytes have decided by now what kind of answer it is.
      finder ??= findId(reading?.kind === 'events', found)
      finder.push(chunk)
      return watch.push(chunk)
    },
    flush: () => {
      finder?.end()
      return watch.flush()
    },
  }
}

const remember = (
  c: Context<Env>,
  { provider, model }: Candidate,
  {
    stored,
    clock,
    waitUntil,
    id,
    background,
  }: RememberOptions & { id: string; background: boolean },
): void => {
  const login = c.get('auth').caller?.login ?? ''
  stored.remember({
    id,
    provider: provider.id,
    model,
    login,
    at: clock.now(),
    settled: !background,
  })
  // Its stream reports the usage at once.
  if (background && stored.claim(id)) waitUntil(settled(c, stored, id))
}

/** Once the answer has ended, the ledger has the usage of the response, or it is still to come. */
export const settled = async (
  c: Context<Env>,
  stored: StoredResponses,
  id: string,
): Promise<void> => {
  const { tokensSource } = await c.get('meter').line
  stored.settle(id, tokensSource === 'reported')
}
