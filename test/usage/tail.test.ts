import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Tail } from '../../src/gateway/usage/tail.ts'
import { computed } from '../support/computed.ts'

const max = 16

describe('the tail of what passes', () => {
  it('is all of it, or its last bytes at least, however it came', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (chunks) => {
        const tail = new Tail(max)
        for (const chunk of chunks) tail.push(chunk)
        const all = chunks.flatMap((chunk) => [...chunk])
        const kept = [...tail.bytes]
        expect(kept).toEqual(all.slice(all.length - kept.length))
        expect(kept.length).toBeGreaterThanOrEqual(Math.min(all.length, max))
        expect(kept.length).toBeLessThanOrEqual(2 * max)
        expect(tail.whole).toBe(kept.length === all.length)
      }),
    )
  })

  it('keeps no view of what somebody else may write into', () => {
    const tail = new Tail(max)
    const chunk = Uint8Array.of(1, 2)
    tail.push(chunk)
    chunk.fill(9)
    expect([...tail.bytes]).toEqual([1, 2])
  })

  it('costs what has passed, and not its square', () => {
    const tail = new Tail(128 * 1024)
    const byte = new Uint8Array(1)
    const started = computed()
    for (let i = 0; i < 2_000_000; i++) tail.push(byte)
    expect(computed() - started).toBeLessThan(5000)
  })
})
