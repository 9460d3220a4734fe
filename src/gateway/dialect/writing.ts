import { type Json, object } from './json.ts'
import { ToolCalls } from './tool-calls.ts'
import { bytesOf } from './utf8.ts'

/**
 * What a model wrote in one answer, whatever its dialect: the text, what it thought, and its calls of tools with their
 * names and arguments. Only that is counted, and not the envelope around it, so that an answer comes to the same in one
 * piece and in a thousand.
 */
export class Writing {
  /** UTF-8 bytes. */
  bytes = 0
  /** Calls of the provider's web search. */
  searches = 0
  readonly #calls = new ToolCalls()

  /** Calls of the client's own tools. */
  get tools(): number {
    return this.#calls.count
  }

  /** Text of so many bytes was found in an event that was not parsed. */
  found(bytes: number): void {
    this.bytes += bytes
  }

  /** Reads one event of a stream, or a whole body. */
  read(event: Json): void {
    const { choices, candidates, type, output, content, message } = event
    if (Array.isArray(choices)) this.#choices(choices)
    else if (Array.isArray(candidates)) this.#candidates(candidates)
    else if (typeof type === 'string') this.#typed(type, event)
    else if (Array.isArray(output)) this.#items(output)
    else if (object(output)) this.#blocks(object(object(output)?.message)?.content)
    else if (object(message)) this.#message(object(message) ?? {})
    else if (Array.isArray(content)) this.#blocks(content)
    else this.#plain(event)
  }

  /** OpenAI's chats and completions, and all that copy them. */
  #choices(choices: readonly unknown[]): void {
    for (const [at, each] of choices.entries()) {
      const choice = object(each)
      if (choice === undefined) continue
      this.#text(choice.text)
      const said = object(choice.delta) ?? object(choice.message)
      if (said) this.#message(said, typeof choice.index === 'number' ? choice.index : at)
    }
  }

  #message(said: Json, choice = 0): void {
    const { content, reasoning, reasoning_content, reasoning_details, refusal, audio } = said
    if (Array.isArray(content)) this.#blocks(content)
    else this.#text(content)
    this.#text(refusal)
    this.#text(said.thinking)
    this.#text(object(audio)?.transcript)
    // Servers repeat a thought under several names.
    this.bytes += Math.max(
      bytesOf(reasoning),
      bytesOf(reasoning_content),
      sum(reasoning_details, (each) => bytesOf(each.text) + bytesOf(each.summary)),
    )
    const { tool_calls, function_call } = said
    if (Array.isArray(tool_calls)) this.#toolCalls(tool_calls, choice)
    if (object(function_call)) this.#toolCalls([{ id: 'one', function: function_call }], choice)
  }

  #toolCalls(calls: readonly unknown[], choice: number): void {
    for (const [position, each] of calls.entries()) {
      const call = object(each)
      if (call) this.bytes += this.#calls.piece(call, choice, position)
    }
  }

  /** Anthropic's messages and the responses API: events with a type, and a whole message. */
  #typed(type: string, event: Json): void {
    switch (type) {
      case 'message':
        this.#blocks(event.content)
        break
      case 'content_block_start':
        this.#blocks([event.content_block])
        break
      case 'content_block_delta': {
        const delta = object(event.delta)
        this.#text(delta?.text)
        this.#text(delta?.thinking)
        this.#text(delta?.partial_json)
        break
      }
      case 'completion':
        this.#text(event.completion)
        break
      case 'response.output_item.added':
        this.#added(object(event.item) ?? {})
        break
      case 'response.completed':
      case 'response.incomplete':
        // What the last event repeats counts only where nothing came before it.
        if (this.bytes === 0 && this.tools === 0) this.#items(object(event.response)?.output)
        break
      default:
        // Sound and pictures in base64 are not text.
        if (writtenDeltas.has(type)) this.#text(event.delta)
    }
  }

  /** Blocks of Anthropic, of Amazon's Converse, and parts of a message in OpenAI's shape. */
  #blocks(blocks: unknown): void {
    for (const block of objects(blocks)) {
      const { text, thinking, toolUse, reasoningContent } = block
      this.#text(text)
      if (Array.isArray(thinking)) this.#blocks(thinking)
      else this.#text(thinking)
      this.#text(object(object(reasoningContent)?.reasoningText)?.text)
      const call = object(toolUse)
      if (call) this.#whole(call.name, call.input)
      if (block.type === 'tool_use') this.#whole(block.name, block.input)
      else if (block.type === 'server_tool_use') this.#input(block.name, block.input)
    }
  }

  /** Items of the responses API. */
  #items(items: unknown): void {
    for (const item of objects(items)) {
      this.#blocks(item.content)
      this.#blocks(item.summary)
      for (const part of objects(item.content)) this.#text(part.refusal)
      this.#added(item)
      for (const name of ['arguments', 'input', 'code']) this.#text(item[name])
    }
  }

  /** The beginning of an item: what it says follows in events of its own. */
  #added({ type, name }: Json): void {
    if (type === 'web_search_call') this.searches++
    if (typeof type !== 'string' || !ownCall.test(type)) return
    this.#calls.count++
    this.#text(name)
  }

  #candidates(candidates: readonly unknown[]): void {
    for (const each of candidates) {
      for (const part of objects(object(object(each)?.content)?.parts)) {
        this.#text(part.text)
        this.#text(object(part.executableCode)?.code)
        const call = object(part.functionCall)
        if (call === undefined) continue
        // Arguments may come piece by piece, and only the first one has the name.
        this.bytes += sum(call.partialArgs, (piece) => bytesOf(piece.stringValue))
        if (typeof call.name === 'string' && call.name !== '') this.#whole(call.name, call.args)
      }
    }
  }

  /** Events of Amazon's frames, and servers whose answer is one object. */
  #plain(event: Json): void {
    const response = object(event.response)
    if (response) {
      this.read(response)
      return
    }
    const { start, delta } =
      object(event.contentBlockDelta) ?? object(event.contentBlockStart) ?? event
    const begun = object(object(start)?.toolUse)
    if (begun) this.#whole(begun.name, undefined)
    const more = object(delta)
    this.#text(more?.text)
    this.#text(object(more?.reasoningContent)?.text)
    this.#text(object(more?.toolUse)?.input)
    const { content, thinking, outputText, generation, completion } = event
    for (const text of [content, event.response, thinking, outputText, generation, completion]) {
      this.#text(text)
    }
    this.#text(object(event.token)?.text)
    for (const name of ['outputs', 'results', 'generations', 'completions']) {
      for (const each of objects(event[name])) {
        this.#text(each.text)
        this.#text(each.outputText)
        this.#text(object(each.data)?.text)
      }
    }
  }

  #whole(name: unknown, input: unknown): void {
    this.#calls.count++
    this.#input(name, input)
  }

  #input(name: unknown, input: unknown): void {
    this.#text(name)
    // A block that begins has an empty input, and its pieces follow.
    const told = object(input)
    if (told && Object.keys(told).length > 0) this.bytes += bytesOf(JSON.stringify(told))
  }

  #text(text: unknown): void {
    this.bytes += bytesOf(text)
  }
}

const ownCall = /^(?:function_call|custom_tool_call|local_shell_call|mcp_call)$/

/** Events of the responses API whose `delta` is text. */
const writtenDeltas = new Set([
  'response.output_text.delta',
  'response.refusal.delta',
  'response.reasoning_text.delta',
  'response.reasoning_summary_text.delta',
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
  'response.mcp_call_arguments.delta',
  'response.code_interpreter_call_code.delta',
  'response.audio.transcript.delta',
  'transcript.text.delta',
])

const objects = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.filter((each): each is Json => object(each) !== undefined) : []

const sum = (list: unknown, of: (each: Json) => number): number =>
  objects(list).reduce((total, each) => total + of(each), 0)
