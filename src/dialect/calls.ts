import { type Json, object } from './json.ts'

/** What a model called for in one event or body. */
export interface Calls {
  /** Of the client's own tools. */
  readonly tools: number
  /** Of the provider's web search. */
  readonly searches: number
}

/** May the text of an event hold what `callsIn` looks for? Saves parsing all the others. */
export const mayCall = (text: string): boolean =>
  /"tool_calls"\s*:\s*\[\s*\{|"tool_use"|_call"|"functionCall"|"toolUse"/.test(text)

/**
 * Counts the calls that begin in an event, or stand in a body, whatever the dialect: the pieces of arguments that
 * follow are none, and what the event at the end of a stream repeats is none either.
 */
export const callsIn = (value: unknown): Calls => {
  const event = object(value)
  if (event === undefined) return { tools: 0, searches: 0 }
  const items = [...responsesItems(event), ...blocks(event)]
  const ofType = (types: RegExp): number =>
    items.filter(({ type }) => typeof type === 'string' && types.test(type)).length
  return {
    tools: chatCalls(event) + geminiCalls(event) + bedrockCalls(event) + ofType(ownCall),
    searches: ofType(/^web_search_call$/),
  }
}

const ownCall = /^(?:tool_use|function_call|custom_tool_call|local_shell_call|mcp_call)$/

const list = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.map((each) => object(each) ?? {}) : []

/** The first piece of a call has the function's name; the old `function_call` is one at most. */
const chatCalls = (event: Json): number =>
  list(event.choices)
    .map(({ delta, message }) => object(delta) ?? object(message) ?? {})
    // Ollama's own API has the message without choices.
    .concat(object(event.message) ?? [])
    .flatMap(({ tool_calls, function_call }) => [
      ...list(tool_calls),
      ...list([{ function: function_call }]),
    ])
    .filter((call) => {
      const { name } = object(call.function) ?? object(call.custom) ?? {}
      return typeof name === 'string' && name !== ''
    }).length

/** Of the responses API: a whole answer, or the event that begins an item. */
const responsesItems = (event: Json): readonly Json[] => {
  const added = event.type === 'response.output_item.added' ? object(event.item) : undefined
  return added ? [added] : list(event.output)
}

/** Of Anthropic: a whole message, or the event that begins a block. */
const blocks = (event: Json): readonly Json[] => {
  const begun = event.type === 'content_block_start' ? object(event.content_block) : undefined
  return begun ? [begun] : list(event.content)
}

const geminiCalls = (event: Json): number =>
  list(event.candidates)
    .flatMap(({ content }) => list(object(content)?.parts))
    .filter(({ functionCall }) => object(functionCall)).length

const bedrockCalls = (event: Json): number =>
  [...list(object(object(event.output)?.message)?.content), object(event.start) ?? {}].filter(
    ({ toolUse }) => object(toolUse),
  ).length
