import { object } from '../dialect/json.ts'

/** Bytes of an answer that are looked through for its id: instructions and tools, which come back with it, may be long. */
const LONGEST = 1024 * 1024

/** Finds the id of a response while its answer passes. */
export interface IdFinder {
  push(chunk: Uint8Array): void
  /** The answer is complete. */
  end(): void
}

/** Undefined for what is not JSON. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** @param found called once, as soon as the id has passed */
export const findId = (streamed: boolean, found: (id: string) => void): IdFinder => {
  const decoder = new TextDecoder()
  let text = ''
  let over = false
  const tell = (id: unknown): void => {
    if (typeof id !== 'string' || !/^[\w.:-]{1,256}$/.test(id)) return
    over = true
    text = ''
    found(id)
  }
  /** Of a stream's first events: each that speaks of the response has it whole. */
  const inEvents = (): void => {
    for (let end = text.indexOf('\n'); end >= 0 && !over; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      if (line.startsWith('data:')) tell(object(object(parse(line.slice(5)))?.response)?.id)
    }
  }
  return {
    push: (chunk) => {
      if (over) return
      text += decoder.decode(chunk, { stream: true })
      if (streamed) inEvents()
      // Most servers write it first.
      else tell(/^\s*\{\s*"id"\s*:\s*"([^"\\]+)"/.exec(text)?.[1])
      if (text.length > LONGEST) over = true
    },
    end: () => {
      if (!over && !streamed) tell(object(parse(text))?.id)
    },
  }
}
