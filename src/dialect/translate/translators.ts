import type { Dialect } from '../../upstream/upstream.ts'

/** A pair of dialects between which requests and answers can be turned. What it turns comes with the first of them. */
export interface Translator {
  readonly from: Dialect
  readonly to: Dialect
}

/** The seam: the router asks here before it says that nobody speaks a caller's dialect. None is built yet. */
export const translators: readonly Translator[] = []

/** Can a request in dialect `from` be had from somebody who speaks these? Their own dialect needs no translator. */
export const speaks = (dialects: ReadonlySet<Dialect>, from: Dialect): boolean =>
  dialects.has(from) ||
  translators.some((translator) => translator.from === from && dialects.has(translator.to))
