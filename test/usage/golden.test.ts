import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { headerUsage, type TokenCounts } from '../../src/gateway/dialect/usage.ts'
import {
  bodyUsage,
  eventUsage,
  frameUsage,
  type UsageReader,
} from '../../src/gateway/usage/reader.ts'
import { frame, wrapped } from './frames.ts'

/** An answer in the shape that its server gives it, and what the ledger makes of it. */
interface Golden {
  readonly about: string
  readonly as: 'body' | 'lines' | 'stream' | 'frames' | 'wrapped'
  readonly headers?: Readonly<Record<string, string>>
  readonly answer: unknown
  readonly counts: TokenCounts | null
  readonly toolCalls: number
}

const folder = join(import.meta.dirname, '../golden/usage')
const goldens = readdirSync(folder).map((file) => ({
  name: file.replace('.json', ''),
  ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Golden),
}))

const utf8 = (text: string) => new TextEncoder().encode(text)
const joined = (parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((it) => [...it]))

const bytesOf = ({ as, answer }: Golden): Uint8Array => {
  switch (as) {
    case 'body':
      return utf8(JSON.stringify(answer))
    case 'lines':
    case 'stream':
      return utf8((answer as string[]).join(''))
    case 'frames':
      return joined((answer as object[]).map((event) => frame(JSON.stringify(event))))
    case 'wrapped':
      return joined((answer as object[]).map(wrapped))
  }
}

const readerFor = ({ as }: Golden): UsageReader => {
  if (as === 'stream') return eventUsage(false)
  return as === 'frames' || as === 'wrapped' ? frameUsage() : bodyUsage()
}

/** What is found when the answer comes in pieces of that many bytes. */
const found = (golden: Golden, size: number) => {
  const reader = readerFor(golden)
  const bytes = bytesOf(golden)
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.slice(at, at + size))
  reader.flush()
  const { counts, toolCalls } = reader.tally
  return { counts: counts ?? headerUsage(Object.entries(golden.headers ?? {})) ?? null, toolCalls }
}

describe('an answer’s usage', () => {
  it.each(goldens)('is right for $name: $about', (golden) => {
    const { counts, toolCalls } = golden
    for (const size of [1, 7, 100_000]) expect(found(golden, size)).toEqual({ counts, toolCalls })
  })

  it('is known in every dialect that is served', () => {
    const dialects = ['openai-chat', 'openai-completions', 'openai-responses', 'openai-embeddings']
    const others = ['openai-images', 'openai-transcription', 'anthropic', 'gemini', 'bedrock']
    for (const dialect of [...dialects, ...others]) {
      expect(goldens.some(({ name }) => name.startsWith(dialect))).toBe(true)
    }
  })
})
