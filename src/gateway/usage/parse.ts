import { parse } from '../dialect/json.ts'

export { parse }

/** An event of the last `"usage": {…}` or `"usageMetadata": {…}` of a text that is not a whole JSON document. */
export const lastUsage = (body: string): unknown => {
  const key = /^"(usage|usageMetadata)"\s*:\s*/.exec(body.slice(body.lastIndexOf('"usage')))
  if (!key?.[1]) return undefined
  const start = body.lastIndexOf('"usage') + key[0].length
  let depth = 0
  for (let i = start; i < body.length; i++) {
    if (body[i] === '{') depth++
    if (body[i] === '}' && --depth === 0) return { [key[1]]: parse(body.slice(start, i + 1)) }
  }
  return undefined
}
