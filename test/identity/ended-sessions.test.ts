import { expect, it } from 'vitest'
import { createEndedSessions } from '../../src/gateway/identity/ended-sessions.ts'
import { fakeClock } from '../support/clock.ts'
import { memoryStore } from '../support/store.ts'

/** A ledger that tells these, or nothing at all. */
const ledger = () => {
  const clock = fakeClock()
  const told: { ids: string[] | undefined; asked: number } = { ids: [], asked: 0 }
  const ask = async () => {
    told.asked += 1
    if (told.ids === undefined) throw new Error('away')
    return told.ids as never
  }
  const sessions = createEndedSessions({ clock, store: { ...memoryStore(), ask }, log: () => {} })
  return { clock, told, sessions }
}

it('a session that was ended before the start counts no more', async () => {
  const { told, sessions } = ledger()
  told.ids = ['a']
  expect(await sessions.has('a')).toBe(true)
  expect(await sessions.has('b')).toBe(false)
})

it('one that is ended here is so at once', async () => {
  const { sessions } = ledger()
  expect(await sessions.has('a')).toBe(false)
  sessions.add('a')
  expect(sessions.has('a')).toBe(true)
})

it('one that is ended elsewhere is so with the second look, a second later', async () => {
  const { clock, told, sessions } = ledger()
  expect(await sessions.has('a')).toBe(false)
  told.ids = ['a']
  expect(sessions.has('a')).toBe(false)
  expect(told.asked).toBe(1)
  clock.advance(1001)
  expect(sessions.has('a')).toBe(false)
  await expect.poll(() => sessions.has('a')).toBe(true)
  expect(told.asked).toBe(2)
})

it('while the ledger was never read, only who signed in meanwhile is believed', async () => {
  const { told, sessions } = ledger()
  told.ids = undefined
  sessions.started('new')
  expect(await sessions.has('old')).toBe(true)
  expect(await sessions.has('new')).toBe(false)
  told.ids = []
  expect(await sessions.has('old')).toBe(false)
})

it('when the ledger goes away later, what is known goes on to hold', async () => {
  const { clock, told, sessions } = ledger()
  told.ids = ['a']
  expect(await sessions.has('b')).toBe(false)
  told.ids = undefined
  clock.advance(60_000)
  expect(sessions.has('b')).toBe(false)
  expect(sessions.has('a')).toBe(true)
})
