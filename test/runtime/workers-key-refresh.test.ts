import { describe, expect, it } from 'vitest'
import { createKeyRefresh } from '../../src/adapter/workers/key-refresh.ts'
import { fakeClock } from '../support/clock.ts'

const isolate = () => {
  const clock = fakeClock()
  const reads: PromiseWithResolvers<void>[] = []
  const readKeysAgain = () => {
    const read = Promise.withResolvers<void>()
    reads.push(read)
    return read.promise
  }
  const waitUntil = (work: Promise<unknown>) => void work.catch(() => {})
  return { clock, reads, refresh: createKeyRefresh({ clock, store: { readKeysAgain }, waitUntil }) }
}

describe('the keys of an isolate', () => {
  it('are read again beside the requests after twenty seconds, once for many', async () => {
    const { clock, reads, refresh } = isolate()
    clock.advance(19_999)
    await refresh()
    expect(reads).toHaveLength(0)
    clock.advance(1)
    await Promise.all([refresh(), refresh()])
    expect(reads).toHaveLength(1)
    reads[0]?.resolve()
    await reads[0]?.promise
    await refresh()
    expect(reads).toHaveLength(1)
  })

  it('are never older than a minute when a request uses them', async () => {
    const { clock, reads, refresh } = isolate()
    clock.advance(60_000)
    let gone = false
    const waiting = refresh().then(() => {
      gone = true
    })
    await Promise.resolve()
    expect([reads.length, gone]).toEqual([1, false])
    reads[0]?.resolve()
    await waiting
  })

  it('stay as they are while the database is away, and are asked for again', async () => {
    const { clock, reads, refresh } = isolate()
    clock.advance(60_000)
    const waiting = refresh()
    reads[0]?.reject(new Error('away'))
    await waiting
    const again = refresh()
    expect(reads).toHaveLength(2)
    reads[1]?.resolve()
    await again
  })
})
