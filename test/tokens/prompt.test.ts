import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InlineFile } from '../../src/gateway/dialect/body/files.ts'
import { isCount, longestAnswer } from '../../src/gateway/tokens/answer.ts'
import { familyOf } from '../../src/gateway/tokens/family.ts'
import { tokensOfPicture } from '../../src/gateway/tokens/picture.ts'
import { promptOf } from '../../src/gateway/tokens/prompt.ts'
import { tokensOfText } from '../../src/gateway/tokens/text.ts'
import type { Candidate, ModelDetails, Provider } from '../../src/platform/upstream.ts'

const candidate = (
  model: string,
  { costBasis, ...details }: Partial<Pick<Provider, 'costBasis'>> & ModelDetails = {},
): Candidate => ({
  model,
  provider: {
    id: 'p',
    ...(costBasis && { costBasis }),
    details: new Map([[model, details]]),
  } as unknown as Provider,
})

const png = (width: number, height: number, size = 2_200_000): InlineFile => {
  const bytes = new Uint8Array(4096)
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52])
  new DataView(bytes.buffer).setUint32(16, width)
  new DataView(bytes.buffer).setUint32(20, height)
  const encodedSize = Math.ceil(size / 3) * 4 + 2
  return { size, encodedSize, head: (count) => bytes.subarray(0, count) }
}

const wav = (seconds: number): InlineFile => {
  const bytes = new Uint8Array(4096)
  bytes.set(new TextEncoder().encode('RIFF....WAVEfmt '))
  const view = new DataView(bytes.buffer)
  view.setUint32(28, 32_000, true)
  bytes.set(new TextEncoder().encode('data'), 36)
  const size = seconds * 32_000 + 44
  return { size, encodedSize: size, head: (count) => bytes.subarray(0, count) }
}

const text = (size: number): InlineFile => ({
  size,
  encodedSize: size,
  head: (count) => new Uint8Array(Math.min(count, size)).fill(0x61),
})

const remote: InlineFile = { size: 0, encodedSize: 0, head: () => new Uint8Array() }

const prompt = (model: string, files: readonly InlineFile[], textSize = 0, more = {}) => {
  const size = files.reduce((sum, { encodedSize }) => sum + encodedSize, textSize)
  return promptOf({ size, files, operation: 'chat/completions' }, candidate(model, more))
}

describe('a picture', () => {
  it.each([
    // The examples of OpenAI’s guide.
    ['gpt-4o', 1024, 1024, 765],
    ['gpt-4o', 2048, 4096, 1105],
    ['gpt-4.1-mini', 1024, 1024, Math.ceil(1024 * 1.62)],
    ['gpt-4o-mini', 512, 512, 8500],
    ['gpt-5', 1024, 1024, 70 + 4 * 140],
    ['openai/o3', 512, 512, 225],
    ['o4-mini', 32, 32, 2],
    // As measured: huggingface.co/datasets/JOHNISKING/image-token-cost
    ['gpt-5.5', 1920, 1080, 2448],
    ['gpt-6-astra', 4032, 3024, 14_364],
    // The table of Anthropic’s guide: about 1,600 at most, and 4,784 since Opus 4.7.
    ['claude-sonnet-4-5', 1000, 1000, 1296],
    ['claude-sonnet-4-20250514', 4000, 3000, 1600],
    ['anthropic/claude-opus-4.6', 4000, 3000, 1600],
    ['claude-opus-4-7', 2576, 1449, 4784],
    ['claude-fable-5-1', 200, 200, 64],
    // Gemini: 258 for a small one, six tiles of this one, and 1,120 since version 3.
    ['gemini-2.5-flash', 384, 384, 258],
    ['gemini-2.5-flash', 960, 540, 6 * 258],
    ['google/gemini-3-pro', 4000, 3000, 1120],
    ['qwen3-vl', 280, 280, 100],
    ['llava', 20_000, 20_000, 16_384],
  ])('is for %s, of %i × %i pixels, %i tokens', (model, width, height, tokens) => {
    expect(tokensOfPicture(familyOf(candidate(model)), model, { width, height })).toBe(tokens)
  })

  it('is some hundred tokens, however many bytes it has', () => {
    const { likely, most } = prompt('gpt-4o', [png(1024, 1024)], 400)
    expect(likely).toEqual({ input: 100 + 765, imageInput: 765, audioInput: 0, audioMs: 0 })
    expect(most.input).toBe(134 + 765)
  })

  it('is the most that its rule makes of any, where only its address is known', () => {
    expect(prompt('claude-sonnet-4-5', [remote]).likely.input).toBe(1600)
    expect(prompt('gpt-4o', [remote]).likely.input).toBe(765)
    expect(prompt('gemini-3-flash', [remote]).likely.input).toBe(1120)
  })
})

describe('sound', () => {
  it('is counted by the second, as its maker does', () => {
    const { likely } = prompt('gemini-2.5-flash', [wav(60)])
    expect(likely).toMatchObject({ audioInput: 60 * 32, audioMs: 60_000 })
    expect(prompt('gpt-4o-audio-preview', [wav(60)]).likely.audioInput).toBe(600)
  })

  it('is what a form brings to be written down, whatever it is', () => {
    const asked = { size: 80_000, files: [text(80_000)], operation: 'audio/transcriptions' }
    const { likely, most } = promptOf(asked, candidate('whisper-1'))
    expect(likely.audioMs).toBe(10_000)
    expect(most.audioMs).toBe(40_000)
  })
})

describe('whose rules hold', () => {
  it.each([
    ['anthropic.claude-sonnet-4-20250514-v1:0', 'anthropic'],
    ['google/gemini-2.5-pro', 'google'],
    ['openai/gpt-5', 'openai'],
    ['o3', 'openai'],
    ['openai/gpt-oss-120b', 'other'],
    ['gpt-j-6b', 'other'],
    ['qwen3', 'other'],
  ])('is plain from the name of %s: %s', (model, family) => {
    expect(familyOf(candidate(model))).toBe(family)
  })

  it('is whose prices hold, where the name says nothing', () => {
    expect(familyOf(candidate('my-deployment', { costBasis: 'azure' }))).toBe('openai')
    expect(familyOf(candidate('my-model', { costBasis: 'anthropic' }))).toBe('anthropic')
  })
})

describe('a prompt', () => {
  const files = fc.array(
    fc.oneof(
      fc.tuple(fc.nat(9000), fc.nat(9000)).map(([w, h]) => png(w, h)),
      fc.nat(600).map(wav),
      fc.nat(1_000_000).map(text),
      fc.constant(remote),
    ),
    { maxLength: 5 },
  )
  const models = fc.constantFrom(
    'gpt-4o',
    'claude-opus-4-7',
    'gemini-2.5-pro',
    'qwen3',
    'whisper-1',
  )
  const operations = fc.constantFrom('chat/completions', 'audio/transcriptions', 'embeddings')

  it('is never charged as more than was held for it', () => {
    fc.assert(
      fc.property(files, models, operations, fc.nat(9_000_000), (list, model, operation, size) => {
        const all = list.reduce((sum, { encodedSize }) => sum + encodedSize, size)
        const { likely, most } = promptOf({ size: all, files: list, operation }, candidate(model))
        for (const kind of ['input', 'imageInput', 'audioInput', 'audioMs'] as const) {
          expect(likely[kind]).toBeLessThanOrEqual(most[kind])
          expect(likely[kind]).toBeGreaterThanOrEqual(0)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is no longer than the context of its model', () => {
    const { likely, most } = prompt('m', [], 40_000_000, { contextLength: 8192 })
    expect([likely.input, most.input]).toEqual([8192, 8192])
  })

  it('has about a token for four letters, and more for those of other scripts', () => {
    expect(tokensOfText(Buffer.byteLength('hello'))).toBe(2)
    expect(tokensOfText(Buffer.byteLength('你好世界'))).toBe(3)
    expect(tokensOfText(Buffer.byteLength('🚪🚪🚪'))).toBe(3)
  })
})

describe('an answer', () => {
  const target = (operation: string, bounds: object) =>
    ({ operation: { operation }, bounds: { choices: 1, ...bounds } }) as never

  it('is as long as the request allows, times the answers that it wants', () => {
    const model = candidate('m', { maxOutputTokens: 4000 })
    expect(longestAnswer(target('chat/completions', { maxOutput: 100, choices: 3 }), model)).toBe(
      300,
    )
    expect(longestAnswer(target('chat/completions', { maxOutput: 0 }), model)).toBe(0)
    expect(longestAnswer(target('chat/completions', { maxOutput: 99_999 }), model)).toBe(4000)
    expect(longestAnswer(target('chat/completions', {}), model)).toBe(4000)
    expect(longestAnswer(target('chat/completions', {}), candidate('m'))).toBe(32_768)
    expect(longestAnswer(target('embeddings', {}), model)).toBe(0)
  })

  it.each(['messages/count_tokens', 'countTokens', 'responses/input_tokens'])(
    'is none of %s',
    (operation) => {
      expect(isCount(operation)).toBe(true)
      expect(longestAnswer(target(operation, {}), candidate('m'))).toBe(0)
    },
  )

  it('is none of a count at Vertex, where that is a model by its name', () => {
    expect(isCount('rawPredict', 'count-tokens')).toBe(true)
    expect(isCount('rawPredict', 'claude-opus-4-6')).toBe(false)
  })
})
