import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainText } from '../../src/gateway/dialect/plain-event.ts'
import { bytesOf } from '../../src/gateway/dialect/utf8.ts'
import { Writing } from '../../src/gateway/dialect/writing.ts'

const read = (events: readonly object[]): Writing => {
  const writing = new Writing()
  for (const event of events) writing.read(event as never)
  return writing
}

/** The same answer in one piece, and as a stream of pieces. */
interface Dialect {
  readonly whole: (text: string, thought: string, call: Call) => object
  readonly stream: (text: readonly string[], thought: readonly string[], call: Call) => object[]
}

interface Call {
  readonly name: string
  readonly input: object
}

const halves = (text: string): [string, string] => {
  const middle = Math.floor(text.length / 2)
  return [text.slice(0, middle), text.slice(middle)]
}

const delta = (more: object) => ({ choices: [{ index: 0, delta: more, finish_reason: null }] })
const block = (index: number, start: object, deltas: readonly object[]) => [
  { type: 'content_block_start', index, content_block: start },
  ...deltas.map((each) => ({ type: 'content_block_delta', index, delta: each })),
  { type: 'content_block_stop', index },
]
const parts = (...each: object[]) => ({ candidates: [{ content: { role: 'model', parts: each } }] })

const openai = (thinks: (thought: string) => object): Dialect => ({
  whole: (content, thought, { name, input }) => ({
    choices: [
      {
        message: {
          role: 'assistant',
          content,
          ...thinks(thought),
          tool_calls: [
            { id: 'c', type: 'function', function: { name, arguments: JSON.stringify(input) } },
          ],
        },
      },
    ],
  }),
  stream: (text, thoughts, { name, input }) => {
    const [first, second] = halves(JSON.stringify(input))
    const call = (more: object) => delta({ tool_calls: [{ index: 0, ...more }] })
    return [
      ...thoughts.map((thought) => delta(thinks(thought))),
      ...text.map((content) => delta({ content })),
      call({ id: 'c', type: 'function', function: { name, arguments: '' } }),
      call({ function: { arguments: first } }),
      call({ function: { arguments: second } }),
    ]
  },
})

const dialects: Readonly<Record<string, Dialect>> = {
  'chat with reasoning_content': openai((reasoning_content) => ({ reasoning_content })),
  'chat with reasoning': openai((reasoning) => ({ reasoning })),
  'chat with reasoning_details beside it': openai((reasoning) => ({
    reasoning,
    reasoning_details: [{ type: 'reasoning.text', text: reasoning, format: 'x', index: 0 }],
  })),
  'chat with reasoning under three names': openai((reasoning) => ({
    reasoning,
    reasoning_content: reasoning,
    reasoning_details: [{ type: 'reasoning.summary', summary: reasoning }],
  })),
  messages: {
    whole: (text, thinking, { name, input }) => ({
      type: 'message',
      content: [
        { type: 'thinking', thinking, signature: 'c2lnbmF0dXJl' },
        { type: 'text', text },
        { type: 'tool_use', id: 't', name, input },
      ],
    }),
    stream: (text, thoughts, { name, input }) => [
      { type: 'message_start', message: { content: [], usage: { input_tokens: 1 } } },
      ...block(0, { type: 'thinking', thinking: '' }, [
        ...thoughts.map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: 'c2lnbmF0dXJl' },
      ]),
      ...block(
        1,
        { type: 'text', text: '' },
        text.map((each) => ({ type: 'text_delta', text: each })),
      ),
      ...block(
        2,
        { type: 'tool_use', id: 't', name, input: {} },
        halves(JSON.stringify(input)).map((partial_json) => ({
          type: 'input_json_delta',
          partial_json,
        })),
      ),
    ],
  },
  responses: {
    whole: (text, thought, { name, input }) => ({
      object: 'response',
      output: [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: thought }] },
        { type: 'message', content: [{ type: 'output_text', text, annotations: [] }] },
        { type: 'function_call', name, arguments: JSON.stringify(input) },
      ],
    }),
    stream: (text, thoughts, { name, input }) => {
      const done = dialects.responses?.whole(text.join(''), thoughts.join(''), { name, input })
      return [
        { type: 'response.created', response: { output: [] } },
        ...thoughts.map((each) => ({ type: 'response.reasoning_summary_text.delta', delta: each })),
        ...text.map((each) => ({ type: 'response.output_text.delta', delta: each })),
        { type: 'response.output_text.done', text: text.join('') },
        {
          type: 'response.output_item.added',
          item: { type: 'function_call', name, arguments: '' },
        },
        ...halves(JSON.stringify(input)).map((each) => ({
          type: 'response.function_call_arguments.delta',
          delta: each,
        })),
        { type: 'response.output_item.done', item: { type: 'function_call', name } },
        { type: 'response.completed', response: done },
      ]
    },
  },
  gemini: {
    whole: (text, thought, { name, input }) =>
      parts({ text: thought, thought: true }, { text }, { functionCall: { name, args: input } }),
    stream: (text, thoughts, { name, input }) => [
      ...thoughts.map((each) => parts({ text: each, thought: true })),
      ...text.map((each) => parts({ text: each })),
      parts({ functionCall: { name, args: input } }),
    ],
  },
  converse: {
    whole: (text, thought, { name, input }) => ({
      output: {
        message: {
          content: [
            { reasoningContent: { reasoningText: { text: thought } } },
            { text },
            { toolUse: { toolUseId: 't', name, input } },
          ],
        },
      },
    }),
    stream: (text, thoughts, { name, input }) => [
      ...thoughts.map((each) => ({
        contentBlockIndex: 0,
        delta: { reasoningContent: { text: each } },
      })),
      ...text.map((each) => ({ contentBlockIndex: 1, delta: { text: each } })),
      { contentBlockIndex: 2, start: { toolUse: { toolUseId: 't', name } } },
      ...halves(JSON.stringify(input)).map((each) => ({
        contentBlockIndex: 2,
        delta: { toolUse: { input: each } },
      })),
    ],
  },
  'ollama’s own': {
    whole: (content, thinking, { name, input }) => ({
      message: { content, thinking, tool_calls: [{ function: { name, arguments: input } }] },
    }),
    stream: (text, thoughts, { name, input }) => [
      ...thoughts.map((thinking) => ({ message: { content: '', thinking } })),
      ...text.map((content) => ({ message: { content } })),
      { message: { content: '', tool_calls: [{ function: { name, arguments: input } }] } },
    ],
  },
}

const text = ['He', 'llo, “wörld” — ', '你好', ', 🚪\n"quoted"']
const thought = ['Let me ', 'think.']
const call = { name: 'get_weather', input: { city: 'Zürich', days: [1, 2] } }
const bytes =
  bytesOf(text.join('')) +
  bytesOf(thought.join('')) +
  bytesOf(call.name + JSON.stringify(call.input))

describe('what a model wrote', () => {
  it.each(Object.entries(dialects))(
    'comes to the same in one piece and in a stream: %s',
    (_, { whole, stream }) => {
      const one = read([whole(text.join(''), thought.join(''), call)])
      const pieces = read(stream(text, thought, call))
      expect([one.bytes, one.tools]).toEqual([bytes, 1])
      expect([pieces.bytes, pieces.tools]).toEqual([bytes, 1])
    },
  )

  it.each([
    ['completions', { choices: [{ text: 'hello' }] }],
    ['Ollama’s generate', { response: 'hello', done: false }],
    ['llama.cpp', { content: 'hello', stop: false }],
    [
      'a text of Mistral’s parts',
      { choices: [{ delta: { content: [{ type: 'text', text: 'hello' }] } }] },
    ],
    ['Nova', { contentBlockDelta: { delta: { text: 'hello' } } }],
    ['Llama at Amazon', { generation: 'hello' }],
    ['Titan', { results: [{ outputText: 'hello' }] }],
    ['Gemini CLI', { response: { candidates: [{ content: { parts: [{ text: 'hello' }] } }] } }],
    ['a refusal', { choices: [{ message: { content: null, refusal: 'hello' } }] }],
    [
      'sound with a transcript',
      { choices: [{ message: { audio: { data: 'A'.repeat(999), transcript: 'hello' } } }] },
    ],
    [
      'an answer told at once',
      {
        type: 'response.completed',
        response: { output: [{ type: 'message', content: [{ text: 'hello' }] }] },
      },
    ],
  ])('is only the text of %s', (_, event) => {
    expect(read([event]).bytes).toBe(5)
  })

  it('is found in a plain event as it is when it is parsed, and in no other', () => {
    const events: fc.Arbitrary<object> = fc.oneof(
      fc.string({ unit: 'binary' }).map((content) => delta({ content })),
      fc.string().map((content) => delta({ role: 'assistant', content })),
      fc.string().map((content) => delta({ content, reasoning: 'x' })),
      fc.string().map((each) => ({ ...delta({ content: each }), usage: { prompt_tokens: 1 } })),
      fc.string().map((each) => ({ ...delta({ content: each }), usage: null })),
      fc.string({ unit: 'binary' }).map((each) => ({
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'text_delta', text: each },
      })),
      fc.string().map((each) => ({ type: 'response.output_text.delta', delta: each })),
      fc.string().map((each) => ({ type: 'response.output_text.done', text: each })),
    )
    let plain = 0
    fc.assert(
      fc.property(events, (event) => {
        const found = plainText(`data: ${JSON.stringify(event)}\n\n`)
        if (found === undefined) return
        plain++
        expect(found).toBe(read([event]).bytes)
        expect(event).not.toMatchObject({ usage: expect.anything() })
      }),
      { numRuns: 2000 },
    )
    expect(plain).toBeGreaterThan(300)
  })
})

describe('calls of tools', () => {
  const piece = (call: object) => delta({ tool_calls: [call] })
  const count = (...calls: object[]) => read(calls.map(piece)).tools

  it('count once where each piece repeats the name', () => {
    const repeated = ['{"c', 'ity":', '"Bern', '"}'].map((each) => ({
      index: 0,
      id: 'call_1',
      function: { name: 'weather', arguments: each },
    }))
    expect(count(...repeated)).toBe(1)
    expect(count(...repeated.map(({ id: _, ...rest }) => rest))).toBe(1)
    expect(count(...repeated.map(({ id: _, index: __, ...rest }) => rest))).toBe(1)
    expect(count(...repeated.map((each, at) => ({ ...each, id: `call_${at}` })))).toBe(1)
  })

  it('count each where they are several, whatever tells them apart', () => {
    const whole = (more: object, city: string) => ({
      ...more,
      function: { name: 'weather', arguments: JSON.stringify({ city }) },
    })
    expect(count(whole({ index: 0, id: 'a' }, 'Bern'), whole({ index: 1, id: 'b' }, 'Basel'))).toBe(
      2,
    )
    expect(count(whole({ index: 0, id: 'a' }, 'Bern'), whole({ index: 0, id: 'b' }, 'Basel'))).toBe(
      2,
    )
    expect(count(whole({ id: 'a' }, 'Bern'), whole({ id: 'b' }, 'Basel'))).toBe(2)
    expect(count(whole({}, 'Bern'), whole({}, 'Basel'))).toBe(2)
  })

  it('count once where a name is in the first piece alone', () => {
    const first = { index: 0, id: 'a', function: { name: 'f', arguments: '' } }
    expect(count(first, { index: 0, function: { arguments: '{}' } })).toBe(1)
  })
})
