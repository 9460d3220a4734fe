import { describe, expect, it } from 'vitest'
import type { HookConfig } from '../../src/config/config.ts'
import { type HookCall, HookError } from '../../src/gateway/hooks/call.ts'
import { createDeliveries, type DeliveriesOptions } from '../../src/gateway/hooks/deliveries.ts'
import { fakeClock } from '../support/clock.ts'

const hook = (name: string, more: Partial<HookConfig> = {}): HookConfig => ({
  name,
  url: 'http://h/',
  apikey: '',
  authorization: 'bearer',
  secret: undefined,
  timeout: 0,
  disabled: false,
  failPolicy: 'fail_open',
  preference: 0,
  redact: undefined,
  ...more,
})

/** Each call waits until it is answered here. */
const start = (options: Partial<DeliveriesOptions> = {}) => {
  const calls: (HookCall & { answer(status: number): void; fail(reason: string): void })[] = []
  const lines: string[] = []
  const deliveries = createDeliveries({
    clock: fakeClock(),
    log: (_, evt, fields) => lines.push(`${evt} ${fields?.reason}`),
    waitUntil: () => {},
    waits: [1, 1],
    call: (call) =>
      new Promise((resolve, reject) => {
        calls.push({
          ...call,
          answer: (status) => resolve({ status, body: '' }),
          fail: (reason) => reject(new HookError(reason)),
        })
      }),
    ...options,
  })
  deliveries.use(
    new Map([
      ['h', hook('h')],
      ['other', hook('other')],
    ]),
  )
  const add = (id: string, name = 'h', size = 10) =>
    deliveries.later(async () => [
      { hook: name, events: 'entire_request', id, body: new Uint8Array(size), headers: [] },
    ])
  const called = (count: number) => expect.poll(() => calls.length, { interval: 1 }).toBe(count)
  return { deliveries, calls, lines, add, called }
}

describe('deliveries', () => {
  it('are repeated while there is hope, and then given up with a line', async () => {
    const { deliveries, calls, lines, add, called } = start()
    add('1')
    for (const [count, end] of [
      [1, () => calls[0]?.answer(503)],
      [2, () => calls[1]?.fail('timeout')],
      [3, () => calls[2]?.answer(429)],
    ] as const) {
      await called(count)
      end()
    }
    await expect.poll(() => deliveries.counts.failed).toBe(1)
    expect(calls.map(({ delivery }) => delivery)).toEqual(['1', '1', '1'])
    expect(lines).toEqual(['hook.undelivered status_429'])
  })

  it.each([301, 400, 401, 404])('that are answered %i are not repeated', async (status) => {
    const { deliveries, calls, add, called } = start()
    add('1')
    await called(1)
    calls[0]?.answer(status)
    await expect.poll(() => deliveries.counts.failed).toBe(1)
    expect(calls).toHaveLength(1)
  })

  it('of a hook that hangs hold up no other', async () => {
    const { calls, add, called } = start({ bounds: { concurrency: 2 } })
    for (const id of ['1', '2', '3']) add(id)
    add('4', 'other')
    await called(3)
    expect(calls.map(({ delivery }) => delivery)).toEqual(['1', '2', '4'])
  })

  it('beyond the bounds are dropped, with one line a second', async () => {
    const { deliveries, calls, lines, add, called } = start({
      bounds: { entries: 3, bytes: 100, concurrency: 1 },
    })
    for (const id of ['1', '2', '3', '4', '5']) add(id)
    add('big', 'other', 101)
    await expect.poll(() => deliveries.counts.dropped).toBe(3)
    expect(lines).toEqual(['hook.dropped queue_full', 'hook.dropped queue_full'])
    for (let i = 0; i < 3; i++) {
      await called(i + 1)
      calls[i]?.answer(200)
    }
    await expect.poll(() => deliveries.counts.delivered).toBe(3)
    // Their places are free again.
    add('6')
    await called(4)
    expect(calls[3]?.delivery).toBe('6')
  })

  it('lend memory to answers under way, and no more than there is', () => {
    const { deliveries } = start({ bounds: { answers: 100 } })
    expect([deliveries.reserve(60), deliveries.reserve(60)]).toEqual([true, false])
    deliveries.release(60)
    expect(deliveries.reserve(100)).toBe(true)
  })

  it('to a hook that is gone, or off, are not made', async () => {
    const { deliveries, calls, add } = start()
    deliveries.use(new Map([['h', hook('h', { disabled: true })]]))
    add('1')
    add('2', 'other')
    await expect.poll(() => deliveries.counts.dropped).toBe(2)
    expect(calls).toEqual([])
  })

  it('are made once more at the end, without waiting, and the end waits for them', async () => {
    const { deliveries, calls, add, called } = start({ waits: [60_000] })
    add('1')
    await called(1)
    calls[0]?.answer(500)
    await new Promise((resolve) => setTimeout(resolve, 1))
    let over = false
    const drained = deliveries.drain(5_000).then(() => {
      over = true
    })
    add('2')
    await called(3)
    expect(over).toBe(false)
    calls[1]?.answer(500)
    calls[2]?.answer(200)
    await drained
    expect(deliveries.counts).toEqual({ delivered: 1, failed: 1, dropped: 0 })
  })

  it('that are only being made when the end comes are waited for', async () => {
    const { deliveries, calls, add, called } = start()
    add('1')
    const drained = deliveries.drain(5_000)
    await called(1)
    calls[0]?.answer(200)
    await drained
    expect(deliveries.counts.delivered).toBe(1)
  })

  it('that the end cannot wait for are dropped and told', async () => {
    const { deliveries, lines, add, called } = start({ bounds: { concurrency: 1 } })
    add('1')
    add('2')
    await called(1)
    await deliveries.drain(5)
    add('3')
    await expect.poll(() => deliveries.counts.dropped).toBe(2)
    expect(lines).toEqual(['hook.dropped shutdown'])
  })
})
