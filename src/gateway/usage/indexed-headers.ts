import type { HeaderList } from '../../platform/upstream.ts'

/** A header that requests can be found by. */
export interface FilterableHeader {
  /** Lower-cased. */
  readonly name: string
  /** That it was there is kept, and not what it said. */
  readonly redact: boolean
}

const longest = 256

/** Of those headers what a request and its answer had: each name and value once, an empty value where none is kept. */
export const indexedHeaders = (
  wanted: readonly FilterableHeader[],
  request: Headers,
  answer: HeaderList,
): readonly (readonly [name: string, value: string])[] => {
  const found = wanted.flatMap(({ name, redact }) => {
    const asked = request.get(name)
    const told = answer.filter(([header]) => header === name).map(([, value]) => value)
    const values = asked === null ? told : [asked, ...told]
    return values.map(
      (value) => [name, redact ? '' : value.slice(0, longest).toWellFormed()] as const,
    )
  })
  return [...new Map(found.map((each) => [each.join('\n'), each])).values()]
}
