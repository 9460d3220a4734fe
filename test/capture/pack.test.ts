import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pack, unpack } from '../../src/gateway/capture/pack.ts'

describe('a captured body', () => {
  it('comes back as it was when it fits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const body = JSON.parse(JSON.stringify(value))
        const part = await unpack(await pack(body, 1_000_000, true))
        expect(part).toEqual({ body, truncated: false })
      }),
      { numRuns: 50 },
    )
  })

  it('never takes much more than it may, and says that it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue({ maxDepth: 4 }),
        fc.integer({ min: 1, max: 200 }),
        async (value, max) => {
          const { body, truncated } = await unpack(await pack(value, max, true))
          const size = (of: unknown) => new TextEncoder().encode(JSON.stringify(of)).length
          // Escapes, and what closes what was opened.
          expect(size(body)).toBeLessThan(max * 6 + 200)
          expect(truncated).toBe(JSON.stringify(body) !== JSON.stringify(value))
        },
      ),
      { numRuns: 100 },
    )
  })

  it('is cut between characters', async () => {
    const { body, truncated } = await unpack(await pack('äöü'.repeat(20), 22, true))
    expect(truncated).toBe(true)
    expect('äöü'.repeat(20).startsWith(String(body))).toBe(true)
    expect(String(body).length).toBeGreaterThan(5)
  })

  it('that was not all there says so', async () => {
    expect(await unpack(await pack({ a: 1 }, 1000, false))).toEqual({
      body: { a: 1 },
      truncated: true,
    })
  })
})
