import { describe, expect, it } from 'vitest'
import type { TokenCounts } from '../../src/gateway/dialect/usage.ts'
import { type Known, usedBy } from '../../src/gateway/usage/used.ts'

const prompt = { input: 100, imageInput: 0, audioInput: 0, audioMs: 0 }

const known = (more: Partial<Known> = {}): Known => ({
  operation: 'chat/completions',
  model: 'm',
  counts: undefined,
  written: 0,
  failed: false,
  prompt: () => prompt,
  longest: () => 5000,
  bytesOut: 0,
  outcome: 'ok',
  sent: true,
  answered: true,
  status: 200,
  ...more,
})
const told: TokenCounts = { input: 20, output: 3, cached: 1, reasoning: 0 }

describe('what a request used', () => {
  it('is what the upstream told', () => {
    const { row, counts, worked } = usedBy(known({ counts: told, written: 50 }))
    expect(row).toMatchObject({ inputTokens: 20, outputTokens: 3, tokensSource: 'reported' })
    expect([counts, worked]).toEqual([told, true])
  })

  it('is an estimate, marked as one, where the upstream is silent', () => {
    const { row, counts } = usedBy(known({ written: 7, bytesOut: 4000 }))
    expect(row).toMatchObject({ inputTokens: 100, outputTokens: 7, tokensSource: 'estimated' })
    expect(counts).toEqual({ input: 100, output: 7, cached: 0, reasoning: 0 })
    const silent = usedBy(known({ bytesOut: 4000 }))
    expect(silent.row).toMatchObject({ outputTokens: 0, tokensSource: 'estimated' })
    const unread = usedBy(known({ written: undefined, bytesOut: 4000 }))
    expect(unread.row).toMatchObject({ outputTokens: 1000, tokensSource: 'estimated' })
  })

  it('is an estimate where the upstream counts nothing for a text', () => {
    const counts = { input: 0, output: 0, cached: 0, reasoning: 0 }
    expect(usedBy(known({ counts, written: 4 })).row).toMatchObject({
      inputTokens: 100,
      outputTokens: 4,
      tokensSource: 'estimated',
    })
  })

  it('is no less than what passed by, when the client left before the upstream told', () => {
    const { row } = usedBy(known({ counts: told, written: 50, outcome: 'client_gone' }))
    expect(row).toMatchObject({ inputTokens: 20, outputTokens: 50, tokensSource: 'estimated' })
    const late = usedBy(known({ counts: told, written: 2, outcome: 'client_gone' }))
    expect(late.row).toMatchObject({ outputTokens: 3, tokensSource: 'reported' })
  })

  it('is the prompt, when the client left before the first byte', () => {
    const gone = known({ outcome: 'client_gone', answered: false, status: 499 })
    expect(usedBy(gone).row).toMatchObject({ inputTokens: 100, outputTokens: 0 })
    expect(usedBy(gone).worked).toBe(true)
  })

  it.each([
    { name: 'was never sent', sent: false, answered: false, status: 429 },
    { name: 'was refused by the upstream', outcome: 'rejected' as const, status: 400 },
    { name: 'failed there', outcome: 'upstream_error' as const, status: 500 },
    { name: 'got no answer', outcome: 'upstream_error' as const, answered: false, status: 502 },
  ])('is nothing for one that $name', ({ name: _, ...more }) => {
    const { row, counts, worked } = usedBy(known({ ...more, bytesOut: 4000 }))
    expect(row).toMatchObject({ inputTokens: 0, outputTokens: 0, tokensSource: 'none' })
    expect([counts, worked]).toEqual([undefined, false])
  })

  it.each([400, 429, 500])(
    'is nothing for a refusal with %i, whatever it tells besides',
    (status) => {
      const { row, worked } = usedBy(known({ counts: told, outcome: 'upstream_error', status }))
      expect(row).toMatchObject({ inputTokens: 0, outputTokens: 0, tokensSource: 'none' })
      expect(worked).toBe(false)
    },
  )

  it('is as much as passed of an answer that broke off', () => {
    const { row } = usedBy(known({ written: 9, outcome: 'upstream_error' }))
    expect(row).toMatchObject({ outputTokens: 9, tokensSource: 'estimated' })
  })

  it('is no more than the request allowed, which is what was held for it', () => {
    const { row } = usedBy(known({ written: 80, longest: () => 16 }))
    expect(row).toMatchObject({ outputTokens: 16, tokensSource: 'estimated' })
    const gone = known({ counts: told, written: 80, longest: () => 16, outcome: 'client_gone' })
    expect(usedBy(gone).row).toMatchObject({ outputTokens: 16, tokensSource: 'estimated' })
    const reported = known({ counts: { ...told, output: 80 }, longest: () => 16 })
    expect(usedBy(reported).row).toMatchObject({ outputTokens: 80, tokensSource: 'reported' })
  })

  it('is only what was told of an answer that reports an error', () => {
    const failed = { failed: true, outcome: 'upstream_error' as const, written: 9 }
    const silent = usedBy(known(failed))
    expect(silent.row).toMatchObject({ inputTokens: 0, outputTokens: 0, tokensSource: 'none' })
    expect(silent.worked).toBe(false)
    const { row } = usedBy(known({ ...failed, counts: told }))
    expect(row).toMatchObject({ inputTokens: 20, outputTokens: 3, tokensSource: 'reported' })
  })

  it('is the prompt alone for what answers vectors or an order', () => {
    for (const operation of ['embeddings', 'rerank']) {
      const { row } = usedBy(known({ operation, written: undefined, bytesOut: 4_000_000 }))
      expect(row).toMatchObject({ inputTokens: 100, outputTokens: 0, tokensSource: 'estimated' })
    }
  })

  it('is the length of a recording and the text of it, where nobody counted them', () => {
    const heard = { ...prompt, audioInput: 270, audioMs: 27_000 }
    const operation = 'audio/transcriptions'
    const { row, counts } = usedBy(known({ operation, written: 12, prompt: () => heard }))
    expect(row).toMatchObject({ audioMs: 27_000, outputTokens: 12, tokensSource: 'estimated' })
    expect(counts).toMatchObject({ audioInput: 270 })
  })

  it.each(['audio/speech', 'images/generations'])(
    'is unknown for a silent %s: bytes say nothing there',
    (operation) => {
      const { row, counts, worked } = usedBy(known({ operation, bytesOut: 4_000_000 }))
      expect(row).toMatchObject({ inputTokens: 0, outputTokens: 0, tokensSource: 'none' })
      expect([counts, worked]).toEqual([undefined, true])
    },
  )

  it('is pictures and time where there are no tokens', () => {
    const none = { input: 0, output: 0, cached: 0, reasoning: 0 }
    const images = known({ operation: 'images/generations', counts: { ...none, images: 2 } })
    expect(usedBy(images).row).toMatchObject({ images: 2, inputTokens: 0, tokensSource: 'none' })
    const audioMs = { ...none, audioMs: 27_000 }
    const heard = known({ operation: 'audio/transcriptions', counts: audioMs })
    expect(usedBy(heard).row).toMatchObject({ audioMs: 27_000, tokensSource: 'reported' })
  })

  it.each(['messages/count_tokens', 'countTokens', 'responses/input_tokens', 'moderations'])(
    'is not a token for %s, which is not the same as unknown',
    (operation) => {
      const { row, counts } = usedBy(known({ operation, bytesOut: 100 }))
      expect(row).toMatchObject({ inputTokens: 0, outputTokens: 0, tokensSource: 'none' })
      expect(counts).toEqual({ input: 0, output: 0, cached: 0, reasoning: 0 })
    },
  )
})
