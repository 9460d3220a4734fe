const text =
  "Hello! This is Postern's built-in demo model: a canned answer, not an AI. It speaks because no model server was " +
  'found on this machine. Start LM Studio, Ollama, llama.cpp, vLLM or SGLang and it will be found within seconds, or ' +
  'name a provider in postern.hujson. Everything else is real: your request was authenticated, authorized, counted, ' +
  'and came back through the gateway.'

/** The answer, token by token; words stand in for tokens. */
const tokens = text.match(/\S+\s*/g) ?? []

export interface Said {
  readonly text: string
  /** A few tokens each: what goes into one frame of a stream. */
  readonly pieces: readonly string[]
  readonly outputTokens: number
  /** The client's limit cut the answer short. */
  readonly cut: boolean
}

/** What the demo says within the client's limit of tokens; anything but a positive number is not a limit. */
export function say(limit: unknown): Said {
  const kept = typeof limit === 'number' && limit >= 1 ? tokens.slice(0, limit) : tokens
  const pieces: string[] = []
  for (let i = 0; i < kept.length; i += 6) pieces.push(kept.slice(i, i + 6).join(''))
  return {
    text: kept.join(''),
    pieces,
    outputTokens: kept.length,
    cut: kept.length < tokens.length,
  }
}

/** Words of everything the client wrote: an honest count of what a model without a tokenizer read. */
export const countWords = (...inputs: readonly unknown[]): number =>
  inputs.reduce<number>((sum, input) => {
    if (typeof input === 'string') return sum + (input.match(/\S+/g)?.length ?? 0)
    if (typeof input !== 'object' || input === null) return sum
    if (Array.isArray(input)) return sum + countWords(...input)
    const { content, parts, text: plain } = input as Readonly<Record<string, unknown>>
    return sum + countWords(content, parts, plain)
  }, 0)
