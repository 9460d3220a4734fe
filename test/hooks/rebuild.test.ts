import { describe, expect, it } from 'vitest'
import { readAnswer } from '../../src/gateway/hooks/answer/read.ts'

const bytes = (text: string) => new Uint8Array(new TextEncoder().encode(text))
const sse = (events: readonly object[], gap = '\n\n') =>
  events.map((event) => `event: x\ndata: ${JSON.stringify(event)}${gap}`).join('')
const read = (text: string | Uint8Array<ArrayBuffer>, contentType = 'text/event-stream') =>
  readAnswer({ contentType, bytes: typeof text === 'string' ? bytes(text) : text })

/** Amazon's frame around a payload, with checksums that nobody looks at and one header. */
const frame = (payload: object) => {
  const body = bytes(JSON.stringify(payload))
  const header = bytes('\u000b:event-type\u0007\u0000\u0001x')
  const whole = new Uint8Array(16 + header.length + body.length)
  const view = new DataView(whole.buffer)
  view.setUint32(0, whole.length)
  view.setUint32(4, header.length)
  whole.set(header, 12)
  whole.set(body, 12 + header.length)
  return whole
}
const joined = (parts: readonly Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]))

const tool = (index: number, fn: object, id?: string) => ({
  index,
  ...(id && { id, type: 'function' }),
  function: fn,
})
const delta = (part: object, finish: string | null = null, index = 0) => ({
  id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index, delta: part, finish_reason: finish }],
}) // biome-ignore format: short

describe('a streamed answer', () => {
  it('of OpenAI chat becomes one, with two calls at once and two choices', async () => {
    const answer = await read(
      `${sse([
        delta({ role: 'assistant', content: '' }),
        delta({ content: 'Hel' }),
        delta({ content: 'lo' }),
        delta({ content: 'Ciao' }, null, 1),
        delta({
          tool_calls: [
            tool(0, { name: 'bash', arguments: '' }, 'a'),
            tool(1, { name: 'ls', arguments: '{' }, 'b'),
          ],
        }),
        delta({ tool_calls: [tool(1, { arguments: '}' }), tool(0, { arguments: '{"x":1}' })] }),
        delta({}, 'tool_calls'),
        { id: 'c', choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } },
      ])}data: [DONE]\n\n`,
    )
    expect(answer.body).toEqual({
      id: 'c',
      object: 'chat.completion',
      model: 'm',
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            content: 'Hello',
            tool_calls: [
              {
                index: 0,
                id: 'a',
                type: 'function',
                function: { name: 'bash', arguments: '{"x":1}' },
              },
              { index: 1, id: 'b', type: 'function', function: { name: 'ls', arguments: '{}' } },
            ],
          },
        },
        { index: 1, finish_reason: null, message: { content: 'Ciao' } },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 4 },
    })
    expect(answer.toolCalls).toEqual([
      { name: 'bash', params: { x: 1 } },
      { name: 'ls', params: {} },
    ])
    expect(answer.raw).toHaveLength(8)
  })

  it('of completions becomes one', async () => {
    const piece = (text: string) => ({ object: 'text_completion', choices: [{ index: 0, text }] })
    expect((await read(sse([piece('a'), piece('b')]))).body).toEqual({
      object: 'text_completion',
      choices: [{ index: 0, text: 'ab' }],
    })
  })

  it('of Anthropic becomes one, with text, thoughts and tools', async () => {
    const start = (index: number, content_block: object) => ({
      type: 'content_block_start',
      index,
      content_block,
    })
    const piece = (index: number, part: object) => ({
      type: 'content_block_delta',
      index,
      delta: part,
    })
    const answer = await read(
      sse(
        [
          {
            type: 'message_start',
            message: {
              id: 'm',
              role: 'assistant',
              content: [],
              usage: { input_tokens: 5, output_tokens: 1 },
            },
          },
          start(0, { type: 'thinking', thinking: '' }),
          piece(0, { type: 'thinking_delta', thinking: 'hm' }),
          piece(0, { type: 'signature_delta', signature: 's' }),
          start(1, { type: 'text', text: '' }),
          piece(1, { type: 'text_delta', text: 'Hel' }),
          piece(1, { type: 'text_delta', text: 'lo' }),
          start(2, { type: 'tool_use', id: 't', name: 'bash', input: {} }),
          piece(2, { type: 'input_json_delta', partial_json: '{"command":' }),
          piece(2, { type: 'input_json_delta', partial_json: '"ls"}' }),
          start(3, { type: 'tool_use', id: 'u', name: 'now', input: {} }),
          piece(3, { type: 'input_json_delta', partial_json: '' }),
          {
            type: 'message_delta',
            delta: { stop_reason: 'tool_use' },
            usage: { output_tokens: 9 },
          },
          { type: 'message_stop' },
        ],
        '\r\n\r\n',
      ),
    )
    expect(answer.body).toEqual({
      id: 'm',
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'hm', signature: 's' },
        { type: 'text', text: 'Hello' },
        { type: 'tool_use', id: 't', name: 'bash', input: { command: 'ls' } },
        { type: 'tool_use', id: 'u', name: 'now', input: {} },
      ],
      stop_reason: 'tool_use',
      usage: { input_tokens: 5, output_tokens: 9 },
    })
    expect(answer.toolCalls.map(({ name }) => name)).toEqual(['bash', 'now'])
  })

  it('of OpenAI Responses is its last word, or what was finished when it broke off', async () => {
    const item = { type: 'function_call', name: 'f', arguments: '{"a":1}' }
    const created = {
      type: 'response.created',
      response: { id: 'r', status: 'in_progress', output: [] },
    }
    const done = { type: 'response.output_item.done', item }
    const whole = {
      id: 'r',
      status: 'completed',
      output: [item],
      usage: { input_tokens: 1, output_tokens: 2 },
    }
    const answer = await read(sse([created, done, { type: 'response.completed', response: whole }]))
    expect(answer.body).toEqual(whole)
    expect(answer.toolCalls).toEqual([{ name: 'f', params: { a: 1 } }])
    expect((await read(sse([created, done]))).body).toEqual({
      id: 'r',
      status: 'in_progress',
      output: [item],
    })
  })

  const gemini = [
    { candidates: [{ content: { role: 'model', parts: [{ text: 'Hel' }] } }], modelVersion: 'g' },
    {
      candidates: [
        {
          content: { parts: [{ text: 'lo' }, { functionCall: { name: 'f', args: { a: 1 } } }] },
          finishReason: 'STOP',
        },
      ],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 },
    },
  ]
  it.each([
    ['events', sse(gemini), 'text/event-stream'],
    ['a list', JSON.stringify(gemini), 'application/json'],
  ])('of Gemini in %s becomes one', async (_, text, type) => {
    const answer = await read(text, type)
    expect(answer.body).toEqual({
      candidates: [
        {
          content: {
            role: 'model',
            parts: [{ text: 'Hello' }, { functionCall: { name: 'f', args: { a: 1 } } }],
          },
          finishReason: 'STOP',
        },
      ],
      modelVersion: 'g',
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 },
    })
    expect(answer.toolCalls).toEqual([{ name: 'f', params: { a: 1 } }])
  })

  it('of Bedrock’s Converse becomes one', async () => {
    const answer = await read(
      joined(
        [
          { role: 'assistant' },
          { contentBlockIndex: 0, delta: { text: 'Hel' } },
          { contentBlockIndex: 0, delta: { text: 'lo' } },
          { contentBlockIndex: 1, start: { toolUse: { toolUseId: 't', name: 'f' } } },
          { contentBlockIndex: 1, delta: { toolUse: { input: '{"a"' } } },
          { contentBlockIndex: 1, delta: { toolUse: { input: ':1}' } } },
          { stopReason: 'tool_use' },
          { usage: { inputTokens: 1, outputTokens: 2 }, metrics: { latencyMs: 3 } },
        ].map(frame),
      ),
      'application/vnd.amazon.eventstream',
    )
    expect(answer.body).toEqual({
      output: {
        message: {
          role: 'assistant',
          content: [{ text: 'Hello' }, { toolUse: { toolUseId: 't', name: 'f', input: { a: 1 } } }],
        },
      },
      stopReason: 'tool_use',
      usage: { inputTokens: 1, outputTokens: 2 },
      metrics: { latencyMs: 3 },
    })
    expect(answer.toolCalls).toEqual([{ name: 'f', params: { a: 1 } }])
  })

  it('of a model at Bedrock is unwrapped first', async () => {
    const wrap = (event: object) => frame({ bytes: btoa(JSON.stringify(event)) })
    const answer = await read(
      joined([
        wrap({ type: 'message_start', message: { id: 'm', content: [] } }),
        wrap({
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'text', text: 'Hi' },
        }),
        frame({ unfinished: 'x' }).subarray(0, 20),
      ]),
      'application/vnd.amazon.eventstream',
    )
    expect(answer.body).toMatchObject({ id: 'm', content: [{ type: 'text', text: 'Hi' }] })
  })
})

describe('any answer', () => {
  it('that is not JSON has no body to tell of', async () => {
    expect((await read('RIFF', 'audio/wav')).body).toBeNull()
    expect((await read('', 'text/event-stream')).body).toEqual({})
  })

  it('with keys and indexes of ill will does no harm', async () => {
    const evil =
      '{"choices":[{"index":4294967294,"delta":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}]}'
    await read(`data: ${evil}\n\ndata: ${evil}\n\n`)
    await read(
      sse([
        { type: 'message_start', message: {} },
        {
          type: 'content_block_start',
          index: 4294967294,
          content_block: { type: 'text', text: '' },
        },
      ]),
    )
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})
