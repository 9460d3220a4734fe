import { countWords, say } from './text.ts'

/** What the demo model sends back: the body in the pieces it is written in. */
export interface DemoAnswer {
  readonly status: number
  readonly type: 'application/json' | 'text/event-stream'
  readonly frames: readonly string[]
}

type Body = Readonly<Record<string, unknown>>

/** `chat/completions` and the older `completions`, which differ in where the text sits. */
export function completion(body: Body, kind: 'chat' | 'text'): DemoAnswer {
  const said = say(body.max_completion_tokens ?? body.max_tokens)
  const finish = said.cut ? 'length' : 'stop'
  const read = countWords(body.messages, body.prompt)
  const usage = {
    prompt_tokens: read,
    completion_tokens: said.outputTokens,
    total_tokens: read + said.outputTokens,
  }
  const prefix = kind === 'chat' ? 'chat.completion' : 'text_completion'
  const head = {
    id: `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-demo`,
    created: 0,
    model: body.model,
  }
  if (body.stream !== true) {
    const choice =
      kind === 'chat'
        ? { message: { role: 'assistant', content: said.text } }
        : { text: said.text, logprobs: null }
    return json(200, {
      ...head,
      object: prefix,
      choices: [{ index: 0, ...choice, finish_reason: finish }],
      usage,
    })
  }
  const object = kind === 'chat' ? `${prefix}.chunk` : prefix
  const chunk = (text: string, finish_reason: string | null) => ({
    ...head,
    object,
    choices: [{ index: 0, ...delta(kind, text, finish_reason), finish_reason }],
  })
  const frames = [...said.pieces.map((piece) => chunk(piece, null)), chunk('', finish)]
  return {
    status: 200,
    type: 'text/event-stream',
    frames: [
      ...frames.map(frame),
      ...(wantsUsage(body) ? [frame({ ...head, object, choices: [], usage })] : []),
      'data: [DONE]\n\n',
    ],
  }
}

function delta(kind: 'chat' | 'text', text: string, finish: string | null): object {
  if (kind === 'text') return { text, logprobs: null }
  return { delta: finish === null ? { role: 'assistant', content: text } : {} }
}

const wantsUsage = ({ stream_options: options }: Body): boolean =>
  typeof options === 'object' &&
  options !== null &&
  (options as { include_usage?: unknown }).include_usage === true

const frame = (data: object): string => `data: ${JSON.stringify(data)}\n\n`

export const json = (status: number, body: object): DemoAnswer => ({
  status,
  type: 'application/json',
  frames: [JSON.stringify(body)],
})

const refusal = (status: number, message: string): DemoAnswer =>
  json(status, {
    error: { message, type: 'invalid_request_error', param: null, code: 'unsupported' },
  })

export const embeddingRefusal = refusal(400, 'The demo model makes no embeddings.')
export const notFound = refusal(
  404,
  'The demo model answers chat, completions, responses, messages and Gemini only.',
)
