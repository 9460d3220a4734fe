import { type Beginning, beginningOf } from './body/conversation.ts'
import type { JsonBody } from './body/json-body.ts'
import type { Operation } from './operations.ts'

/**
 * What Open WebUI asks a model by itself, beside what a person typed: the title and tags of a chat, questions to go on
 * with, words to search for, the rest of a sentence that is being typed. Its own names (open_webui/constants.py, `TASKS`),
 * which it also puts in the place of `{{TASK}}` in a connection's headers.
 */
const TASKS: ReadonlySet<string> = new Set([
  'title_generation',
  'tags_generation',
  'follow_up_generation',
  'query_generation',
  'autocomplete_generation',
  'image_prompt_generation',
  'emoji_generation',
  'function_calling',
  'context_compaction',
  'memory_review',
])

export const isWebuiTask = (label: string | null): boolean => label !== null && TASKS.has(label)

/**
 * How the prompts of tasks begin where nobody has written others, in Open WebUI 0.5 to 0.12. The prompt for answers from
 * documents has the same first line, and is not a task.
 */
const HEADING = '### Task:\n'
const PROMPTS: readonly (readonly [RegExp, string])[] = [
  [/^Generate a concise\b.{0,40}\btitle\b/, 'title_generation'],
  [/^Generate 1-3 broad tags\b/, 'tags_generation'],
  [/^(?:Suggest|Predict) 3-5 (?:relevant follow-up|useful messages)\b/, 'follow_up_generation'],
  [/^Analyze the chat history to determine the necessity\b/, 'query_generation'],
  [/^You are an autocompletion system\b/, 'autocomplete_generation'],
  [/^Generate a detailed prompt for a[mn] image generation task\b/, 'image_prompt_generation'],
  [/^Summarize the conversation history that will be compacted\b/, 'context_compaction'],
]

/** The beginnings of a chat, read once, for all who look at them. */
export interface Beginnings {
  readonly messages: () => Beginning | undefined
  /** The same in a body of the responses API. */
  readonly input: () => Beginning | undefined
}

export const beginningsOf = (body: Pick<JsonBody, 'bytes' | 'member'> | undefined): Beginnings => {
  const once = (name: string) => {
    let read = false
    let beginning: Beginning | undefined
    return () => {
      if (!read && body) beginning = beginningOf(body.bytes, body.member(name))
      read = true
      return beginning
    }
  }
  return { messages: once('messages'), input: once('input') }
}

const readers: Readonly<Record<string, (beginnings: Beginnings) => Beginning | undefined>> = {
  'chat/completions': ({ messages }) => messages(),
  responses: ({ input }) => input(),
}

/** Which task of Open WebUI a chat is for, by its prompt. Undefined: none that is known. It never asks for a stream. */
export const taskOf = (
  { operation, stream }: { readonly operation: Operation; readonly stream: boolean },
  beginnings: Beginnings,
): string | undefined => {
  if (stream) return undefined
  const text = readers[operation.operation]?.(beginnings)?.firstMessage
  if (!text?.startsWith(HEADING)) return undefined
  const first = text.slice(HEADING.length, HEADING.length + 200)
  return PROMPTS.find(([prompt]) => prompt.test(first))?.[1]
}
