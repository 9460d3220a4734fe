import { type DemoAnswer, json } from './openai.ts'
import { countWords, say } from './text.ts'

type Body = Readonly<Record<string, unknown>>

/** `:generateContent` and `:streamGenerateContent`, the latter as events or, without `alt=sse`, as one list. */
export function generate(body: Body, stream: boolean, asEvents: boolean): DemoAnswer {
  const said = say(limitOf(body))
  const read = countPrompt(body)
  const part = (text: string, last: boolean) => ({
    candidates: [
      {
        content: { role: 'model', parts: [{ text }] },
        index: 0,
        ...(last && { finishReason: said.cut ? 'MAX_TOKENS' : 'STOP' }),
      },
    ],
    usageMetadata: {
      promptTokenCount: read,
      ...(last && { candidatesTokenCount: said.outputTokens }),
      totalTokenCount: read + (last ? said.outputTokens : 0),
    },
    modelVersion: 'demo',
  })
  if (!stream) return json(200, part(said.text, true))
  const parts = said.pieces.map((piece, i) => part(piece, i === said.pieces.length - 1))
  if (!asEvents) return json(200, parts)
  const frames = parts.map((event) => `data: ${JSON.stringify(event)}\n\n`)
  return { status: 200, type: 'text/event-stream', frames }
}

/** `:countTokens`. */
export const countGeminiTokens = (body: Body): DemoAnswer =>
  json(200, { totalTokens: countPrompt(body) })

const countPrompt = (body: Body): number => countWords(body.systemInstruction, body.contents)

const limitOf = ({ generationConfig: config }: Body): unknown =>
  typeof config === 'object' && config !== null
    ? (config as { maxOutputTokens?: unknown }).maxOutputTokens
    : undefined
