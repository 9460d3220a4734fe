import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bodyUsage, eventUsage, frameUsage } from '../../src/gateway/usage/reader.ts'
import { frame, wrapped } from './frames.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** Sends `text` through a reader in the given pieces and returns what came out. */
const pass = (
  reader: ReturnType<typeof eventUsage>,
  text: string,
  cuts: readonly number[] = [],
) => {
  const all = bytes(text)
  const out: number[] = []
  let from = 0
  for (const cut of [...cuts, all.length].sort((a, b) => a - b)) {
    out.push(...(reader.push(all.slice(from, cut)) ?? []))
    from = cut
  }
  out.push(...(reader.flush() ?? []))
  return new TextDecoder().decode(Uint8Array.from(out))
}

const delta = (content: string) => ({ choices: [{ index: 0, delta: { content } }] })
const openai = (eol: string, usage: object = { prompt_tokens: 7, completion_tokens: 3 }) =>
  [
    ': keep-alive',
    `data: ${JSON.stringify(delta('Grüße 🚪'))}`,
    `event: x${eol}data: {"choices":${eol}data: [{"delta":{"content":"b"}}]}`,
    `data:${JSON.stringify(delta('c'))}`,
    `data: ${JSON.stringify({ choices: [], usage })}`,
    'data: [DONE]',
  ]
    .map((event) => event + eol + eol)
    .join('')

const withoutUsage = (text: string) =>
  text.replace(/data: \{"choices":\[\],"usage".*?(?:\r\n|\r|\n){2}/s, '')

describe('eventUsage', () => {
  it('passes every byte and reads the same counts, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (eol, cuts) => {
          const text = openai(eol)
          const reader = eventUsage(false)
          expect(
            pass(
              reader,
              text,
              cuts.map((cut) => cut % bytes(text).length),
            ),
          ).toBe(text)
          expect(reader.tally.counts).toEqual({ input: 7, output: 3, cached: 0, reasoning: 0 })
        },
      ),
    )
  })

  it('takes out the usage frame, and nothing else, when it was not asked for', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (eol, cuts) => {
          const text = openai(eol)
          const reader = eventUsage(true)
          const out = pass(
            reader,
            text,
            cuts.map((cut) => cut % bytes(text).length),
          )
          expect(out).toBe(withoutUsage(text))
          expect(out).not.toContain('usage')
          expect(reader.tally.counts?.output).toBe(3)
        },
      ),
    )
  })

  it('takes out the usage frame and its line breaks wherever the stream is cut', () => {
    for (const eol of ['\n', '\r\n', '\r']) {
      const text = openai(eol)
      for (let cut = 0; cut < bytes(text).length; cut++) {
        expect(pass(eventUsage(true), text, [cut])).toBe(withoutUsage(text))
      }
    }
  })

  it('hands each chunk on at once, as the same object, when nothing is taken out', () => {
    const reader = eventUsage(false)
    const half = bytes('data: {"choi')
    expect(reader.push(half)).toBe(half)
  })

  it('keeps a last choice that carries usage', () => {
    const text =
      'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    expect(pass(eventUsage(true), text)).toBe(text)
  })

  it('passes on what an upstream left unfinished', () => {
    expect(pass(eventUsage(true), 'data: {"a":1}\n\ndata: {"b')).toBe('data: {"a":1}\n\ndata: {"b')
  })

  it('joins the counts of Anthropic, cached tokens included', () => {
    const reader = eventUsage(false)
    pass(
      reader,
      'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":1}}}\n\n' +
        'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":42}}\n\n',
    )
    expect(reader.tally.counts).toEqual({
      input: 17,
      output: 42,
      cached: 5,
      reasoning: 0,
      cacheWrite: 2,
    })
  })

  it('takes the last of Gemini’s growing counts, what it thought among the output', () => {
    const reader = eventUsage(false)
    const event = (candidatesTokenCount: number) =>
      `data: ${JSON.stringify({
        candidates: [{ content: { role: 'model', parts: [{ text: 'Hi' }] } }],
        usageMetadata: {
          promptTokenCount: 12,
          toolUsePromptTokenCount: 3,
          candidatesTokenCount,
          thoughtsTokenCount: 20,
          cachedContentTokenCount: 5,
          totalTokenCount: 40,
        },
      })}\r\n\r\n`
    const text = event(1) + event(5)
    expect(pass(reader, text, [30, 200])).toBe(text)
    expect(reader.tally.counts).toEqual({ input: 15, output: 25, cached: 5, reasoning: 20 })
    expect(reader.tally.written).toBe(1)
  })

  it('reads the end of a response of the responses API', () => {
    const reader = eventUsage(false)
    pass(
      reader,
      'data: {"type":"response.completed","response":{"usage":{"input_tokens":4,"output_tokens":9,"output_tokens_details":{"reasoning_tokens":6}}}}\n\n',
    )
    expect(reader.tally.counts).toEqual({ input: 4, output: 9, cached: 0, reasoning: 6 })
  })

  it.each([
    { prompt_tokens: -1, completion_tokens: -5 },
    { prompt_tokens: 1e18, completion_tokens: 1e18 },
    { prompt_tokens: '5', completion_tokens: 'x' },
    { prompt_tokens: null, completion_tokens: 1.5 },
    {},
  ])('does not believe the counts %j', (usage) => {
    const reader = eventUsage(false)
    pass(reader, openai('\n', usage))
    expect(reader.tally.counts).toBeUndefined()
  })

  it('takes the last of growing counts', () => {
    const reader = eventUsage(false)
    pass(reader, openai('\n', { prompt_tokens: 7, completion_tokens: 1 }) + openai('\n'))
    expect(reader.tally.counts?.output).toBe(3)
  })

  it('lets no upstream take back what it told', () => {
    const reader = eventUsage(false)
    const less = { prompt_tokens: 0, completion_tokens: 1 }
    pass(reader, openai('\n') + openai('\n', less))
    expect(reader.tally.counts).toMatchObject({ input: 7, output: 3 })
  })

  it('counts the length of the text for the estimate, whatever its pieces', () => {
    const reader = eventUsage(false)
    pass(reader, openai('\n'))
    // `Grüße 🚪` has twelve bytes.
    expect(reader.tally.written).toBe(4)
    pass(reader, `data: ${JSON.stringify(delta('He said "no". '.repeat(100)))}\n\n`)
    expect(reader.tally.written).toBe(354)
  })

  it('stops looking into an event without an end, and passes it on', () => {
    const reader = eventUsage(true)
    const piece = bytes('x'.repeat(600_000))
    let out = 0
    for (let i = 0; i < 40; i++) out += reader.push(piece)?.length ?? 0
    expect(out).toBeGreaterThan(20_000_000)
  })
})

describe('bodyUsage', () => {
  it('reads the usage of a body in one piece', () => {
    const reader = bodyUsage()
    reader.push(bytes('{"choices":[],"usage":{"prompt_tokens":2,'))
    reader.push(bytes('"completion_tokens":4}}'))
    reader.flush()
    expect(reader.tally.counts).toMatchObject({ input: 2, output: 4 })
  })

  it('finds it at the end of a body too long to keep', () => {
    const reader = bodyUsage()
    reader.push(bytes('{"x":"'))
    for (let i = 0; i < 50; i++) reader.push(bytes('x'.repeat(20_000)))
    reader.push(bytes('","usage":{"prompt_tokens":2,"completion_tokens":4,"details":{"a":1}}}'))
    reader.flush()
    expect(reader.tally.counts).toMatchObject({ input: 2, output: 4 })
  })

  it.each([
    ',"usage_breakdown":null',
    ',"metadata":{"usage":"x"}',
    ',"metadata":{"usage":{"prompt_tokens":1,"completion_tokens":1}}',
    ',"text":"\\",\\"usage\\":{\\"prompt_tokens\\":1}"',
  ])('takes for it nothing that a caller could have had repeated: %s', (echo) => {
    const reader = bodyUsage()
    const body = `{"id":"${'x'.repeat(300_000)}","usage":{"prompt_tokens":7,"completion_tokens":8}${echo}}`
    for (let at = 0; at < body.length; at += 10_007) reader.push(bytes(body.slice(at, at + 10_007)))
    reader.flush()
    expect(reader.tally.counts).toMatchObject({ input: 7, output: 8 })
  })

  it.each([
    [
      { usage: { inputTokens: 4, outputTokens: 9, totalTokens: 15, cacheReadInputTokens: 2 } },
      { input: 6, output: 9, cached: 2, reasoning: 0 },
    ],
    [
      { usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 9 } },
      { input: 4, output: 9, cached: 0, reasoning: 0 },
    ],
    [
      [
        { usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 1 } },
        { usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 7 } },
      ],
      { input: 4, output: 7, cached: 0, reasoning: 0 },
    ],
    [{ usageMetadata: { promptTokenCount: -4, candidatesTokenCount: 1 } }, undefined],
  ])('reads %j', (body, counts) => {
    const whole = bodyUsage()
    whole.push(bytes(JSON.stringify(body)))
    whole.flush()
    expect(whole.tally.counts).toEqual(counts)
    const long = bodyUsage()
    for (let i = 0; i < 50; i++) long.push(bytes(' '.repeat(20_000)))
    long.push(bytes(JSON.stringify([{}, ...(Array.isArray(body) ? body : [body])])))
    long.flush()
    expect(long.tally.counts).toEqual(counts)
  })

  it('knows nothing of a body that is not JSON', () => {
    const reader = bodyUsage()
    reader.push(bytes('<html>'))
    reader.flush()
    expect(reader.tally.counts).toBeUndefined()
  })
})

const joined = (...frames: Uint8Array[]) => Uint8Array.from(frames.flatMap((it) => [...it]))

describe('pictures', () => {
  const picture = (key: string) => `{"${key}":"${'A'.repeat(300_000)}"}`
  const drawn = `{"created":1,"data":[${picture('b64_json')},${picture('b64_json')},${picture('url')}]`
  const usage = ',"usage":{"input_tokens":50,"output_tokens":4160,"total_tokens":4210}}'
  const read = (text: string, size: number) => {
    const reader = bodyUsage(true)
    const all = bytes(text)
    for (let at = 0; at < all.length; at += size) reader.push(all.slice(at, at + size))
    reader.flush()
    return reader.tally.counts
  }

  it('are counted in an answer too long to keep, however it is cut', () => {
    for (const size of [9, 16_384, 65_536]) {
      expect(read(`${drawn}}`, size)).toEqual({
        input: 0,
        output: 0,
        cached: 0,
        reasoning: 0,
        images: 3,
      })
    }
  })

  it('are counted beside the tokens', () => {
    expect(read(drawn + usage, 65_536)).toMatchObject({ input: 50, output: 4160, images: 3 })
  })

  it('leave the usage readable at the end of an event too long to keep', () => {
    const reader = eventUsage(false)
    const event = `data: {"type":"image_generation.completed","b64_json":"${'A'.repeat(1_500_000)}"${usage}\n\n`
    const all = bytes(event)
    for (let at = 0; at < all.length; at += 65_536) reader.push(all.slice(at, at + 65_536))
    reader.flush()
    expect(reader.tally.counts).toMatchObject({ input: 50, output: 4160 })
  })
})

describe('an answer that is not text', () => {
  it('passes as it is, and is not read', () => {
    const packed = gzipSync(JSON.stringify({ usage: { prompt_tokens: 1, completion_tokens: 1 } }))
    const reader = bodyUsage()
    expect(reader.push(packed)).toBe(packed)
    reader.flush()
    expect(reader.tally.counts).toBeUndefined()
  })
})

describe('frameUsage', () => {
  const converse = joined(
    frame('{"contentBlockIndex":0,"delta":{"text":"Grüße"}}'),
    frame('{"contentBlockIndex":0,"delta":{"text":" b"}}'),
    frame(
      '{"usage":{"inputTokens":7,"outputTokens":3,"totalTokens":10},"metrics":{"latencyMs":1}}',
    ),
  )

  it('passes every chunk as it is and reads the same counts, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(converse.length - 1), { maxLength: 12 }), (cuts) => {
        const reader = frameUsage()
        let from = 0
        for (const cut of [...cuts, converse.length].sort((a, b) => a - b)) {
          const chunk = converse.slice(from, cut)
          expect(reader.push(chunk)).toBe(chunk)
          from = cut
        }
        expect(reader.flush()).toBeNull()
        expect(reader.tally.counts).toEqual({ input: 7, output: 3, cached: 0, reasoning: 0 })
        expect(reader.tally.written).toBe(3)
      }),
    )
  })

  it('unwraps what a model said in its own dialect', () => {
    const reader = frameUsage()
    reader.push(
      joined(
        wrapped({
          type: 'message_start',
          message: { usage: { input_tokens: 9, output_tokens: 1 } },
        }),
        wrapped({ type: 'content_block_delta', delta: { type: 'text_delta', text: 'ü' } }),
        wrapped({ type: 'message_delta', usage: { output_tokens: 4 } }),
        wrapped({
          type: 'message_stop',
          'amazon-bedrock-invocationMetrics': { inputTokenCount: 99, outputTokenCount: 99 },
        }),
      ),
    )
    expect(reader.tally.counts).toEqual({ input: 9, output: 4, cached: 0, reasoning: 0 })
    expect(reader.tally.written).toBe(1)
  })

  it('takes Amazon’s own count where the model tells none', () => {
    const reader = frameUsage()
    const metrics = { inputTokenCount: 5, outputTokenCount: 6 }
    reader.push(wrapped({ generation: 'x', 'amazon-bedrock-invocationMetrics': metrics }))
    expect(reader.tally.counts).toEqual({ input: 5, output: 6, cached: 0, reasoning: 0 })
  })

  it('skips a frame too long to keep, and reads the next', () => {
    const reader = frameUsage()
    const long = frame('x'.repeat(1_200_000))
    for (let i = 0; i < long.length; i += 50_000) reader.push(long.slice(i, i + 50_000))
    reader.push(converse)
    expect(reader.tally.counts?.output).toBe(3)
  })

  it('passes on what is not a frame, and knows nothing of it', () => {
    const reader = frameUsage()
    const noise = joined(Uint8Array.from({ length: 12 }), converse)
    expect(reader.push(noise)).toBe(noise)
    expect(reader.push(converse)).toBe(converse)
    expect(reader.tally.counts).toBeUndefined()
  })
})
