import { object } from '../dialect/json.ts'

/** Longer than the last event of OpenAI's chat and of Anthropic. */
export const SHORT_EVENT = 128

/** Rules out, cheaply, most of the short ones. */
export const mayBeLast = (text: string): boolean => text.includes('stop') || text.includes('[DONE]')

/**
 * Is this the last event of OpenAI's chat, of Anthropic or of the responses API, by the text alone? To be asked of short
 * events, and of those of the responses API.
 */
export const isLastText = (text: string): boolean =>
  /^data: ?\[DONE\]|"type"\s*:\s*"(?:message_stop|response\.(?:completed|incomplete|failed))"/m.test(
    text,
  )

/** The same of events that were parsed for what they count: Gemini's, Ollama's, Amazon's. */
export const isLast = (value: unknown): boolean => {
  const event = object(value)
  if (event === undefined) return false
  if (event.done === true || event.type === 'message_stop') return true
  if ('amazon-bedrock-invocationMetrics' in event) return true
  // The event after `messageStop`, with what Converse counted.
  if (object(event.metrics) && object(event.usage)) return true
  return Array.isArray(event.candidates) && event.candidates.some((it) => object(it)?.finishReason)
}
