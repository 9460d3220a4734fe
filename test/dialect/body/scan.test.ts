import { afterEach, describe, expect, it, vi } from 'vitest'
import { scanBody } from '../../../src/gateway/dialect/body/scan.ts'
import { computed } from '../../support/computed.ts'

const MB = 1024 * 1024

/** Thirty megabytes of `piece` within an object. */
const filled = (head: string, piece: string, tail: string): Uint8Array => {
  const body = Buffer.alloc(30 * MB, piece)
  body.write(head)
  body.write(tail, body.length - tail.length)
  return body
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('the scan of a body of thirty megabytes', () => {
  it.each([
    ['empty lists', filled('{"x":[[],', '[],', '[]]}')],
    ['texts', filled('{"x":["",', '"",', '""]}')],
    ['numbers', filled('{"x":[1, ', '1,', ' 1]}')],
    ['one text', filled('{"x":"', 'a', '"}')],
    ['one text of escapes', filled('{"x":"\\\\', '\\\\', '"}')],
    [
      'one text of umlauts',
      Buffer.concat([Buffer.from('{"x":"'), Buffer.alloc(30 * MB, 'é'), Buffer.from('"}')]),
    ],
    ['white space', filled('{"x":1 ', ' ', ' }')],
    ['files', filled('{"x":[""', `,"${'A'.repeat(2000)}"`, ',""]}')],
  ])('of %s gives everything else a turn at least every 30 ms', async (_what, body) => {
    const slices: number[] = []
    let since = computed()
    const real = setTimeout
    vi.stubGlobal('setTimeout', (resume: () => void) => {
      slices.push(computed() - since)
      return real(() => {
        since = computed()
        resume()
      })
    })
    await Promise.resolve(scanBody(body)).catch(() => {})
    slices.push(computed() - since)
    // The first ones run before they are compiled.
    expect(Math.max(...slices)).toBeLessThan(30)
  })

  it('is not put off for a body of ordinary size', () => {
    const body = Buffer.from(JSON.stringify({ model: 'm', messages: ['x'.repeat(200_000)] }))
    expect(scanBody(body)).not.toBeInstanceOf(Promise)
  })
})
