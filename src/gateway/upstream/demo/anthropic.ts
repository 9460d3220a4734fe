import { type DemoAnswer, json } from './openai.ts'
import { countWords, say } from './text.ts'

type Body = Readonly<Record<string, unknown>>

/** `POST /v1/messages`. */
export function message(body: Body): DemoAnswer {
  const said = say(body.max_tokens)
  const input_tokens = countWords(body.system, body.messages)
  const stop_reason = said.cut ? 'max_tokens' : 'end_turn'
  const envelope = {
    id: 'msg_demo',
    type: 'message',
    role: 'assistant',
    model: body.model,
    stop_sequence: null,
  }
  if (body.stream !== true) {
    return json(200, {
      ...envelope,
      content: [{ type: 'text', text: said.text }],
      stop_reason,
      usage: { input_tokens, output_tokens: said.outputTokens },
    })
  }
  const usage = { input_tokens, output_tokens: 0 }
  return {
    status: 200,
    type: 'text/event-stream',
    frames: [
      event('message_start', {
        message: { ...envelope, content: [], stop_reason: null, usage },
      }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      ...said.pieces.map((text) =>
        event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
      ),
      event('content_block_stop', { index: 0 }),
      event('message_delta', {
        delta: { stop_reason, stop_sequence: null },
        usage: { output_tokens: said.outputTokens },
      }),
      event('message_stop', {}),
    ],
  }
}

/** `POST /v1/messages/count_tokens`. */
export const countTokens = (body: Body): DemoAnswer =>
  json(200, { input_tokens: countWords(body.system, body.messages) })

/** A named SSE event, as Anthropic's and OpenAI's newer API both write it. */
export const event = (type: string, data: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
