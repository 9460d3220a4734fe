import { event } from './anthropic.ts'
import { type DemoAnswer, json } from './openai.ts'
import { countWords, say } from './text.ts'

type Body = Readonly<Record<string, unknown>>

const itemId = 'msg_demo'

/** `POST /v1/responses`: one message, no tools, nothing stored. */
export function response(body: Body): DemoAnswer {
  const said = say(body.max_output_tokens)
  const input_tokens = countWords(body.instructions, body.input)
  const status = said.cut ? 'incomplete' : 'completed'
  const part = { type: 'output_text', text: said.text, annotations: [] }
  const item = { id: itemId, type: 'message', role: 'assistant', status, content: [part] }
  const begun = {
    id: 'resp_demo',
    object: 'response',
    created_at: 0,
    model: body.model,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    output: [] as object[],
    parallel_tool_calls: false,
    tool_choice: 'auto',
    tools: [],
  }
  const done = {
    ...begun,
    status,
    incomplete_details: said.cut ? { reason: 'max_output_tokens' } : null,
    output: [item],
    usage: {
      input_tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: said.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input_tokens + said.outputTokens,
    },
  }
  if (body.stream !== true) return json(200, done)
  const at = { item_id: itemId, output_index: 0, content_index: 0 }
  const events: [type: string, data: object][] = [
    ['response.created', { response: begun }],
    [
      'response.output_item.added',
      { output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    ],
    ['response.content_part.added', { ...at, part: { ...part, text: '' } }],
    ...said.pieces.map((delta): [string, object] => [
      'response.output_text.delta',
      { ...at, delta },
    ]),
    ['response.output_text.done', { ...at, text: said.text }],
    ['response.content_part.done', { ...at, part }],
    ['response.output_item.done', { output_index: 0, item }],
    [said.cut ? 'response.incomplete' : 'response.completed', { response: done }],
  ]
  return {
    status: 200,
    type: 'text/event-stream',
    frames: events.map(([type, data], i) => event(type, { sequence_number: i, ...data })),
  }
}
