import { type Json, list, object, parse, text } from '../json.ts'

export interface ToolCall {
  readonly name: string
  readonly params: unknown
}

/** What the model called, out of a whole answer in any dialect. */
export function toolCallsOf(answer: unknown): readonly ToolCall[] {
  const body = object(answer) ?? {}
  return [
    ...list(body.choices).flatMap((choice) => fromMessage(object(object(choice)?.message))),
    ...fromMessage(object(body.message)),
    ...list(body.output).flatMap(fromOutputItem),
    ...list(body.content).flatMap(fromBlock),
    ...list(body.candidates).flatMap(fromCandidate),
    ...list(object(object(body.output)?.message)?.content).flatMap(fromBlock),
  ]
}

/** OpenAI chat, with the form it had before tools. */
const fromMessage = (message: Json | undefined): ToolCall[] =>
  [
    ...list(message?.tool_calls).map((call) => object(call)?.function ?? object(call)?.custom),
    message?.function_call,
  ].flatMap((called) => named(object(called), object(called)?.arguments ?? object(called)?.input))

/** OpenAI Responses. */
const fromOutputItem = (item: unknown): ToolCall[] => {
  const call = object(item)
  if (!/^(?:function_call|custom_tool_call|mcp_call)$/.test(text(call?.type))) return []
  return named(call, call?.arguments ?? call?.input)
}

/** Anthropic, and Bedrock's Converse. */
const fromBlock = (block: unknown): ToolCall[] => {
  const { type, toolUse } = object(block) ?? {}
  if (toolUse) return named(object(toolUse), object(toolUse)?.input)
  if (!/^(?:tool_use|server_tool_use|mcp_tool_use)$/.test(text(type))) return []
  return named(object(block), object(block)?.input)
}

const fromCandidate = (candidate: unknown): ToolCall[] =>
  list(object(object(candidate)?.content)?.parts).flatMap((part) => {
    const call = object(object(part)?.functionCall)
    return named(call, call?.args)
  })

/** Arguments are JSON in a text in some dialects; one that is none is told as it is. */
const named = (call: Json | undefined, params: unknown): ToolCall[] => {
  const name = text(call?.name)
  if (name === '') return []
  return [{ name, params: typeof params === 'string' ? (parse(params) ?? params) : (params ?? {}) }]
}
