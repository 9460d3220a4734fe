import { type Behaviour, type Exchange, type Script, words } from './fake-upstream.ts'

/** Google's and Amazon's dialects, whose paths name the model; what the fake says is the same in each. */
export const dialects: NonNullable<Script['handler']> = async (exchange) => {
  const { path } = exchange.request
  const behaviour = table.find(([pattern]) => pattern.test(path))?.[1]
  await behaviour?.(exchange)
  return behaviour !== undefined
}

const prompt = { promptTokenCount: 11, cachedContentTokenCount: 3 }
const usageMetadata = { ...prompt, candidatesTokenCount: 4, thoughtsTokenCount: 2 }

const candidate = (text: string) => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0 }],
})

const generate: Behaviour = ({ response }) =>
  sendJson(response, { ...candidate(words.join('')), usageMetadata, modelVersion: 'fake' })

const streamGenerate: Behaviour = ({ request, response }) => {
  const events = words.map((word, i) => ({
    ...candidate(word),
    usageMetadata: i === words.length - 1 ? usageMetadata : prompt,
  }))
  if (!request.path.includes('alt=sse')) return sendJson(response, events)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) response.write(`data: ${JSON.stringify(event)}\r\n\r\n`)
  response.end()
}

const claude = {
  id: 'msg_fake',
  type: 'message',
  role: 'assistant',
  content: [{ type: 'text', text: words.join('') }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 11, output_tokens: 6 },
}

const claudeEvents = [
  { type: 'message_start', message: { ...claude, content: [] } },
  ...words.map((text) => ({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'text_delta', text },
  })),
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 6 } },
  { type: 'message_stop' },
]

const claudeStream: Behaviour = ({ response }) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of claudeEvents) {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  }
  response.end()
}

const converse: Behaviour = ({ response }) =>
  sendJson(response, {
    output: { message: { role: 'assistant', content: [{ text: words.join('') }] } },
    stopReason: 'end_turn',
    usage: { inputTokens: 11, outputTokens: 6, totalTokens: 17 },
  })

const frames =
  (...payloads: readonly object[]): Behaviour =>
  ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
    for (const payload of payloads) response.write(frame(JSON.stringify(payload)))
    response.end()
  }

const converseStream = frames(...words.map((text) => ({ contentBlockIndex: 0, delta: { text } })), {
  usage: { inputTokens: 11, outputTokens: 6, totalTokens: 17 },
})

const invokeStream = frames(
  ...claudeEvents.map((event) => ({
    bytes: Buffer.from(JSON.stringify(event)).toString('base64'),
  })),
)

/** A frame of Amazon's event stream; nobody here looks at its checksums. */
export const frame = (payload: string): Buffer => {
  const headers = Buffer.from('\x0b:event-type\x07\x00\x05chunk', 'latin1')
  const body = Buffer.from(payload)
  const whole = Buffer.alloc(12 + headers.length + body.length + 4)
  whole.writeUInt32BE(whole.length, 0)
  whole.writeUInt32BE(headers.length, 4)
  headers.copy(whole, 12)
  body.copy(whole, 12 + headers.length)
  return whole
}

const sendJson = (response: Exchange['response'], body: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

const table: readonly (readonly [RegExp, Behaviour])[] = [
  [/:generateContent$/, generate],
  [/:streamGenerateContent(?:\?alt=sse)?$/, streamGenerate],
  [
    /:(?:e|batchE)mbedContents?$/,
    ({ response }) => sendJson(response, { embeddings: [{ values: [1] }] }),
  ],
  [/:countTokens$/, ({ response }) => sendJson(response, { totalTokens: 11 })],
  [/:rawPredict$/, ({ response }) => sendJson(response, claude)],
  [/:streamRawPredict$/, claudeStream],
  [/^\/model\/[^/]+\/invoke$/, ({ response }) => sendJson(response, claude)],
  [/^\/model\/[^/]+\/invoke-with-response-stream$/, invokeStream],
  [/^\/model\/[^/]+\/converse$/, converse],
  [/^\/model\/[^/]+\/converse-stream$/, converseStream],
]
