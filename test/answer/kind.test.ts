import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sniff } from '../../src/gateway/answer/kind.ts'
import { readingOf } from '../../src/gateway/answer/reading.ts'
import type { Operation } from '../../src/gateway/dialect/operations.ts'
import { readerFor } from '../../src/gateway/usage/reader.ts'
import type { AnswerKind } from '../../src/platform/answer.ts'
import { frame } from '../usage/frames.ts'
import { cuts, inPieces } from './spellings.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

interface Asked {
  readonly operation: string
  readonly stream: boolean
  readonly dialect?: string
}

const chat: Asked = { operation: 'chat/completions', stream: true }
const once: Asked = { operation: 'chat/completions', stream: false }
const gemini: Asked = { operation: 'streamGenerateContent', stream: true }
const amazon: Asked = { operation: 'converse-stream', stream: true }
const ollama: Asked = { operation: 'api/chat', stream: true }
const speech: Asked = { operation: 'audio/speech', stream: false }
const words: Asked = { operation: 'audio/transcriptions', stream: false }
const drawing: Asked = { operation: 'images/generations', stream: false }

const readingFor = ({ operation, stream, dialect = 'openai_chat' }: Asked, label: string) =>
  readingOf(
    { status: 200, headers: [['content-type', label]] },
    { operation: { operation, dialect } as Operation, stream },
  )

const sse = 'data: {"choices":[]}\n\n'

describe('the kind of an answer', () => {
  it.each<[asked: Asked, label: string, body: string | Uint8Array, kind: AnswerKind]>([
    // What the label says is right.
    [chat, 'text/event-stream', sse, 'events'],
    [once, 'application/json', '{"choices":[]}', 'json'],
    [gemini, 'application/json', '[{"candidates":[]}', 'list'],
    [amazon, 'application/vnd.amazon.eventstream', frame('{}'), 'frames'],
    [ollama, 'application/x-ndjson', '{"done":false}\n', 'lines'],
    [speech, 'audio/mpeg', 'ID3', 'opaque'],
    [words, 'text/plain; charset=utf-8', 'data: is what I said', 'opaque'],
    [drawing, 'application/json', '{"data":[]}', 'json'],
    // Media types have no case, and some servers add parameters.
    [chat, 'Text/Event-Stream;charset=UTF-8', sse, 'events'],
    [once, 'APPLICATION/JSON', '{}', 'json'],
    // The label is wrong, missing, or says nothing.
    [chat, 'text/plain', sse, 'events'],
    [chat, '', sse, 'events'],
    [chat, 'application/json', sse, 'events'],
    [chat, 'application/octet-stream', sse, 'events'],
    [chat, 'text/html', sse, 'events'],
    [chat, 'text/plain', ': keep-alive\n\n', 'events'],
    [chat, 'text/plain', 'event: x\ndata: {}\n\n', 'events'],
    [chat, 'text/plain', 'id: 1\ndata: {}\n\n', 'events'],
    [chat, 'text/plain', '\n\n\r\n  data:{}\n\n', 'events'],
    [chat, 'text/plain', '\uFEFFdata: {}\n\n', 'events'],
    [once, 'text/plain', '{"choices":[]}', 'json'],
    [once, '', '\n\n\n{"choices":[]}', 'json'],
    [gemini, 'text/plain', 'data: {"candidates":[]}\r\n\r\n', 'events'],
    [ollama, 'application/json', '{"done":false}\n', 'lines'],
    [ollama, '', '{"done":false}\n', 'lines'],
    [amazon, 'application/octet-stream', frame('{}'), 'frames'],
    [amazon, '', frame('{}'), 'frames'],
    // Another kind came than what was expected.
    [chat, 'text/event-stream', '{"error":{"message":"no"}}', 'json'],
    [chat, 'application/json', '{"choices":[]}', 'json'],
    [chat, 'application/x-ndjson', '{"choices":[]}\n', 'lines'],
    [once, 'text/event-stream', sse, 'events'],
    [once, 'text/event-stream', '{"choices":[]}', 'json'],
    [once, 'application/json', sse, 'events'],
    [amazon, 'application/vnd.amazon.eventstream', '{"message":"no"}', 'json'],
    [speech, 'text/event-stream', 'data: {"type":"speech.audio.delta"}\n\n', 'events'],
    [speech, '', '{"error":{}}', 'json'],
    [speech, '', 'data: {"type":"speech.audio.delta"}\n\n', 'events'],
    [speech, '', 'RIFF', 'opaque'],
    [words, 'application/json', '{"text":"hi"}', 'json'],
    [words, 'text/plain', 'hello', 'opaque'],
    [words, 'text/vtt', 'WEBVTT', 'opaque'],
    [drawing, 'text/plain', '{"data":[]}', 'json'],
    // Nothing that is known.
    [chat, 'text/event-stream', 'nonsense', 'events'],
    [chat, 'text/plain', 'nonsense', 'opaque'],
    [once, 'application/json', '"text"', 'json'],
  ])('asked for %j, labelled "%s", %j: %s', (asked, label, body, kind) => {
    const bytes = typeof body === 'string' ? utf8(body) : body
    const whole = readingFor(asked, label)
    expect(whole.push(bytes)).toBe(bytes)
    whole.flush()
    expect(whole.kind).toBe(kind)
    for (let cut = 1; cut < Math.min(bytes.length, 20); cut++) {
      const reading = readingFor(asked, label)
      expect(inPieces(reading, bytes, [cut])).toBe(new TextDecoder().decode(bytes))
      expect(reading.kind).toBe(kind)
    }
  })

  it('is a page of markup for no model, and text where text was asked for', () => {
    const question = (expected: readonly AnswerKind[]) => ({ expected, label: undefined })
    expect(sniff(utf8(' <!doctype html>'), question(['json']))).toBe('page')
    expect(sniff(utf8('<html>'), question(['events']))).toBe('page')
    expect(sniff(utf8('<v Fred> hi'), question(['json', 'events', 'opaque']))).toBe('opaque')
  })

  it('is not waited for where the label is as expected, and waited for where it is not', () => {
    expect(readingFor(chat, 'text/event-stream').agreed).toBe(true)
    expect(readingFor(gemini, 'application/json').agreed).toBe(false)
    expect(readingFor(chat, 'text/plain').agreed).toBe(false)
    expect(readingFor(chat, '').agreed).toBe(false)
  })

  it('lets blanks go on at once: some servers keep a connection alive with them', () => {
    const reading = readingFor(once, 'application/json')
    const blank = utf8('\n')
    for (let i = 0; i < 5000; i++) expect(reading.push(blank)).toBe(blank)
    expect(reading.kind).toBe('json')
  })

  it('holds back what could begin several things, and nothing of it is lost', () => {
    const reading = readingFor(once, '')
    expect(reading.push(utf8('da'))).toBeNull()
    expect(reading.flush()).toEqual(utf8('da'))
  })
})

const counts = '"usage":{"prompt_tokens":7,"completion_tokens":3}'
const content = (text: string) => JSON.stringify({ choices: [{ delta: { content: text } }] })
const claude = (type: string, more: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`

/** Whole answers; each is read alike however it is cut. */
const answers: readonly [
  name: string,
  asked: Asked,
  bytes: Uint8Array,
  errorCode: string | undefined,
][] = [
  ...['\n', '\r\n', '\r'].map((eol): (typeof answers)[number] => [
    `chat with ${JSON.stringify(eol)}`,
    chat,
    utf8(
      [
        `data: ${content('Grüße 🚪')}`,
        ': ping',
        `data: ${content('b')}`,
        `data: {"choices":[],${counts}}`,
        'data: [DONE]',
      ]
        .map((event) => `${event}${eol}${eol}`)
        .join(''),
    ),
    undefined,
  ]),
  [
    'chat without empty lines',
    chat,
    utf8(
      `data: ${content('a')}\ndata: ${content('b')}\ndata: {"choices":[],${counts}}\ndata: [DONE]\n`,
    ),
    undefined,
  ],
  [
    'chat with data in several lines',
    chat,
    utf8(
      `data: {"choices":\ndata: [{"delta":{"content":"a"}}]}\n\ndata: {\ndata: "choices":[],\ndata: ${counts}}\n\ndata: [DONE]\n\n`,
    ),
    undefined,
  ],
  [
    'chat with an error',
    chat,
    utf8(
      `data: ${content('a')}\n\ndata: {"error":{"message":"full","type":"server_error","code":"overloaded"}}\n\n`,
    ),
    'overloaded',
  ],
  [
    'messages',
    { ...chat, operation: 'messages' },
    utf8(
      claude('message_start', { message: { usage: { input_tokens: 7, output_tokens: 1 } } }) +
        claude('content_block_delta', { delta: { type: 'text_delta', text: 'ü' } }) +
        claude('message_delta', { usage: { output_tokens: 3 } }) +
        claude('message_stop', {}),
    ),
    undefined,
  ],
  [
    'messages with an error',
    { ...chat, operation: 'messages' },
    utf8(claude('error', { error: { type: 'overloaded_error', message: 'Overloaded' } })),
    'overloaded_error',
  ],
  [
    'gemini list',
    gemini,
    utf8(
      '[{"candidates":[{"content":{"parts":[{"text":"a]}\\"["}]}}]}\n,\r\n{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3}}]',
    ),
    undefined,
  ],
  [
    'gemini list with an error',
    gemini,
    utf8(
      '[{"candidates":[]}\n,\r\n{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]',
    ),
    'UNAVAILABLE',
  ],
  [
    'ollama',
    ollama,
    utf8(
      '{"message":{"content":"a"},"done":false}\n{"message":{"content":""},"done":true,"prompt_eval_count":7,"eval_count":3}\n',
    ),
    undefined,
  ],
  [
    'ollama with an error',
    ollama,
    utf8('{"message":{"content":"a"},"done":false}\n{"error":"out of memory"}\n'),
    'upstream_error',
  ],
  [
    'converse',
    amazon,
    Buffer.concat([
      frame('{"contentBlockIndex":0,"delta":{"text":"Grüße"}}'),
      frame(
        '{"usage":{"inputTokens":7,"outputTokens":3,"totalTokens":10},"metrics":{"latencyMs":1}}',
      ),
    ]),
    undefined,
  ],
  ['json', once, utf8(`{"choices":[{"message":{"content":"a"}}],${counts}}`), undefined],
  [
    'an error in json',
    once,
    utf8('{"error":{"message":"no","type":"invalid_request_error","code":null}}'),
    'invalid_request_error',
  ],
]

describe('the reading of an answer', () => {
  it.each(answers)('is the same however it is cut: %s', (_, asked, bytes, errorCode) => {
    const read = (at: readonly number[]) => {
      const reading = readingFor(asked, '')
      let reader: ReturnType<typeof readerFor> | undefined
      const open = () => {
        reader ??= readerFor(reading, undefined)
        return reader
      }
      const passing = {
        push: (chunk: Uint8Array) => {
          const decided = reading.push(chunk)
          return decided && (reading.kind === undefined ? decided : open().push(decided))
        },
        flush: () => {
          const rest = reading.flush()
          if (rest) open().push(rest)
          reader?.flush()
          return rest
        },
      }
      expect(inPieces(passing, bytes, at)).toBe(new TextDecoder().decode(bytes))
      const { counts: found, written } = open().tally
      return {
        kind: reading.kind,
        complete: reading.complete,
        error: reading.errorCode,
        found,
        written,
      }
    }
    const whole = read([])
    expect(whole.error).toBe(errorCode)
    if (errorCode === undefined) {
      expect(whole.found).toEqual({ input: 7, output: 3, cached: 0, reasoning: 0 })
      expect(whole.complete).toBe(asked !== once)
    }
    for (let cut = 1; cut < bytes.length; cut++) expect(read([cut])).toEqual(whole)
    expect(read(Array.from(bytes, (_byte, i) => i))).toEqual(whole)
    fc.assert(
      fc.property(cuts, (at) => {
        expect(read(at)).toEqual(whole)
      }),
      { numRuns: 50 },
    )
  })
})
