import { describe, expect, it } from 'vitest'
import { NeedleFinder, needleOf } from '../../src/gateway/answer/needles.ts'
import {
  eventUsage,
  lineUsage,
  listUsage,
  type UsageReader,
} from '../../src/gateway/usage/reader.ts'
import { computed } from '../support/computed.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

const costOf = (reader: UsageReader, body: Uint8Array, size: number): number => {
  const before = computed()
  for (let at = 0; at < body.length; at += size) reader.push(body.subarray(at, at + size))
  reader.flush()
  return computed() - before
}

/** Each took between six seconds and a minute and a half when its cost was the square of its length. */
describe('an answer that is made to be dear costs what its length does', () => {
  it.each([
    ['lines that end like a value', eventUsage, 'data: }\n'.repeat(20_000), 65_536],
    [
      'one event over many lines',
      eventUsage,
      `data: {\n${'data: "a":{"b":1},\ndata: }\n'.repeat(15_000)}`,
      65_536,
    ],
    ['one event in small chunks', eventUsage, `data: {"x":"${'a'.repeat(1_000_000)}"}\n\n`, 16],
    ['one line in small chunks', lineUsage, `{"x":"${'a'.repeat(4_000_000)}"}\n`, 64],
    ['one element in small chunks', listUsage, `[{"x":"${'a'.repeat(1_000_000)}"}]`, 64],
    ['empty lines', eventUsage, '\n'.repeat(1_000_000), 65_536],
    ['carriage returns', eventUsage, '\r'.repeat(1_000_000), 65_536],
  ] as const)('%s', (_what, reader, text, size) => {
    const read = reader === eventUsage ? eventUsage(true) : (reader as typeof lineUsage)()
    expect(costOf(read, bytes(text), size)).toBeLessThan(1500)
  })

  it('escapes that stand for escapes', () => {
    const finder = new NeedleFinder([
      needleOf('sk-proj-abcdefghijklmnop1234567890'),
      needleOf('localhost:1234', true),
    ])
    const body = bytes('\\u005c'.repeat(150_000))
    const before = computed()
    expect(finder.scan(body)).toBeUndefined()
    expect(computed() - before).toBeLessThan(2500)
  })
})
