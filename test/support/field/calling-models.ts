import { type Exchange, type Script, words } from '../fake-upstream.ts'

/**
 * A model server with the whole of each API that client libraries look at: it calls the first tool that it is offered, and
 * once it has the tool's result, or without tools, it says `words`.
 */
export const callingModels: NonNullable<Script['handler']> = (exchange) => {
  const path = exchange.request.path.split('?', 1)[0] ?? ''
  const answer = answers.find(([pattern]) => pattern.test(path))?.[1]
  answer?.(exchange)
  return answer !== undefined
}

export const text = words.join('')
export const toolArguments = { city: 'Paris' }
export const vector = [0.5, 0.25, 0.125]

const argumentsText = JSON.stringify(toolArguments)
const pieces = [argumentsText.slice(0, 4), argumentsText.slice(4)]

type Json = Readonly<Record<string, unknown>>
const items = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : [])

const sendJson = ({ response }: Exchange, body: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

const sendEvents = ({ response }: Exchange, events: readonly string[]): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) response.write(event)
  response.end()
}

/** With the type as the event's name, as OpenAI and Anthropic write them. */
const named = (event: Json): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

const chat = (exchange: Exchange): void => {
  const { model, stream, tools, messages } = exchange.json
  const [tool] = items(tools)
  const calls = tool !== undefined && !items(messages).some(({ role }) => role === 'tool')
  const name = (tool?.function as Json | undefined)?.name
  const base = { id: 'chatcmpl-1', created: 1_700_000_000, model }
  const usage = { prompt_tokens: 11, completion_tokens: 6, total_tokens: 17 }
  const finish_reason = calls ? 'tool_calls' : 'stop'
  const call = { id: 'call_1', type: 'function' }
  if (stream !== true) {
    const message = calls
      ? { content: null, tool_calls: [{ ...call, function: { name, arguments: argumentsText } }] }
      : { content: text }
    const choice = { index: 0, message: { role: 'assistant', ...message }, finish_reason }
    sendJson(exchange, { ...base, object: 'chat.completion', choices: [choice], usage })
    return
  }
  const deltas = calls
    ? [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ index: 0, ...call, function: { name, arguments: '' } }],
        },
        ...pieces.map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] })),
      ]
    : words.map((content, i) => ({ ...(i === 0 && { role: 'assistant' }), content }))
  const chunk = (choices: readonly object[], more: object = {}) =>
    `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`
  sendEvents(exchange, [
    ...deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }])),
    chunk([{ index: 0, delta: {}, finish_reason }]),
    chunk([], { usage }),
    'data: [DONE]\n\n',
  ])
}

const responses = (exchange: Exchange): void => {
  const { model, stream, tools, input } = exchange.json
  const [tool] = items(tools)
  const calls =
    tool?.type === 'function' && !items(input).some(({ type }) => type === 'function_call_output')
  const part = { type: 'output_text', text, annotations: [], logprobs: [] }
  const item = calls
    ? {
        id: 'fc_1',
        type: 'function_call',
        status: 'completed',
        call_id: 'call_1',
        name: tool.name,
        arguments: argumentsText,
      }
    : { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [part] }
  const response = {
    id: 'resp_1',
    object: 'response',
    created_at: 1_700_000_000,
    model,
    status: 'completed',
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: tools ?? [],
    top_p: 1,
    output: [item],
    usage: {
      input_tokens: 11,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 6,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 17,
    },
  }
  if (stream !== true) {
    sendJson(exchange, response)
    return
  }
  const place = { item_id: item.id, output_index: 0 }
  const ofContent = { ...place, content_index: 0 }
  const begun = { ...response, status: 'in_progress', output: [], usage: null }
  const inside: readonly Json[] = calls
    ? [
        ...pieces.map((delta) => ({
          ...{ type: 'response.function_call_arguments.delta', delta },
          ...place,
        })),
        {
          type: 'response.function_call_arguments.done',
          ...place,
          name: tool.name,
          arguments: argumentsText,
        },
      ]
    : [
        { type: 'response.content_part.added', ...ofContent, part: { ...part, text: '' } },
        ...words.map((delta) => ({
          ...{ type: 'response.output_text.delta', delta, logprobs: [] },
          ...ofContent,
        })),
        { type: 'response.output_text.done', ...ofContent, text, logprobs: [] },
        { type: 'response.content_part.done', ...ofContent, part },
      ]
  const empty = calls ? { ...item, arguments: '' } : { ...item, content: [] }
  const added = { ...empty, status: 'in_progress' }
  const events: readonly Json[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    { type: 'response.output_item.added', output_index: 0, item: added },
    ...inside,
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response },
  ]
  sendEvents(
    exchange,
    events.map((event, sequence_number) => named({ ...event, sequence_number })),
  )
}

const messages = (exchange: Exchange): void => {
  const { model, stream, tools, messages: before } = exchange.json
  const [tool] = items(tools)
  const results = items(before).flatMap(({ content }) => items(content))
  const calls = tool !== undefined && !results.some(({ type }) => type === 'tool_result')
  const block = calls
    ? { type: 'tool_use', id: 'toolu_1', name: tool.name, input: toolArguments }
    : { type: 'text', text }
  const usage = { input_tokens: 11, output_tokens: 6 }
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [block],
    stop_reason: calls ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage,
  }
  if (stream !== true) {
    sendJson(exchange, message)
    return
  }
  const deltas = calls
    ? pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json }))
    : words.map((word) => ({ type: 'text_delta', text: word }))
  const { stop_reason, stop_sequence } = message
  const begun = { ...message, content: [], stop_reason: null }
  const empty = calls ? { ...block, input: {} } : { ...block, text: '' }
  const events: readonly Json[] = [
    { type: 'message_start', message: { ...begun, usage: { input_tokens: 11, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: empty },
    { type: 'ping' },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason, stop_sequence }, usage },
    { type: 'message_stop' },
  ]
  sendEvents(exchange, events.map(named))
}

const gemini = (exchange: Exchange): void => {
  const { tools, contents } = exchange.json
  // Google takes both spellings, and LiteLLM sends the other one.
  const [tool] = items(tools).flatMap(({ functionDeclarations, function_declarations: same }) =>
    items(functionDeclarations ?? same),
  )
  const parts = items(contents).flatMap((content) => items(content.parts))
  const calls = tool !== undefined && !parts.some(({ functionResponse }) => functionResponse)
  const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: 6, totalTokenCount: 17 }
  const candidate = (part: object, last: boolean) => ({
    candidates: [
      {
        content: { role: 'model', parts: [part] },
        index: 0,
        ...(last && { finishReason: 'STOP' }),
      },
    ],
    usageMetadata,
    modelVersion: 'fake',
  })
  const call = { functionCall: { name: tool?.name, args: toolArguments } }
  if (!exchange.request.path.includes('streamGenerateContent')) {
    sendJson(exchange, candidate(calls ? call : { text }, true))
    return
  }
  const answers = calls
    ? [candidate(call, true)]
    : words.map((word, i) => candidate({ text: word }, i === words.length - 1))
  sendEvents(
    exchange,
    answers.map((answer) => `data: ${JSON.stringify(answer)}\r\n\r\n`),
  )
}

/** OpenAI's SDKs ask for base64 where the application does not say. */
const embeddings = (exchange: Exchange): void => {
  const { input, encoding_format, model } = exchange.json
  const packed = Buffer.from(new Float32Array(vector).buffer).toString('base64')
  const embedding = encoding_format === 'base64' ? packed : vector
  const count = Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1
  const data = Array.from({ length: count }, (_, index) => ({
    object: 'embedding',
    index,
    embedding,
  }))
  const usage = { prompt_tokens: 3, total_tokens: 3 }
  sendJson(exchange, { object: 'list', model, data, usage })
}

const batchEmbed = (exchange: Exchange): void =>
  sendJson(exchange, {
    embeddings: items(exchange.json.requests).map(() => ({ values: vector })),
  })

const answers: readonly (readonly [RegExp, (exchange: Exchange) => void])[] = [
  [/\/chat\/completions$/, chat],
  [/\/responses$/, responses],
  [/\/messages\/count_tokens$/, (exchange) => sendJson(exchange, { input_tokens: 11 })],
  [/\/messages$/, messages],
  [/:(?:streamG|g)enerateContent$/, gemini],
  [/:countTokens$/, (exchange) => sendJson(exchange, { totalTokens: 11 })],
  [/:batchEmbedContents$/, batchEmbed],
  [/:embedContent$/, (exchange) => sendJson(exchange, { embedding: { values: vector } })],
  [/\/embeddings$/, embeddings],
]
