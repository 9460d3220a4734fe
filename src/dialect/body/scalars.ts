import type { Span } from './scan.ts'
import { stringAt } from './text.ts'
import { JsonTokens } from './tokens.ts'

/** A string or a number somewhere within a member of the body. */
export interface Scalar extends Span {
  /**
   * From the member down: names as `squash` writes them, `[]` for an item of a list: `fallbacks.[].model`. Every value is
   * there, also of a name that is given twice, for readers differ on which one counts.
   */
  readonly path: string
  readonly kind: 'string' | 'number'
}

/** Longer texts are neither names nor settings. */
const MAX_SCALAR = 1100
/** Settings and names of models do not stand deeper than this below a member. */
const MAX_LEVELS = 6

/** Every short scalar within one value, which was found valid. */
export const scalarsIn = (bytes: Uint8Array, { start, end }: Span): readonly Scalar[] => {
  const found: Scalar[] = []
  const tokens = new JsonTokens(bytes, start)
  /** By depth: what leads to a value in the container of that depth. */
  const steps: string[] = []
  do {
    tokens.next()
    const { kind, depth } = tokens
    if (depth > MAX_LEVELS) continue
    if (kind === 'key') steps[depth] = squashed(bytes, tokens)
    else if (kind === 'array') steps[depth] = '[]'
    else if (kind === 'string' || kind === 'number') {
      if (tokens.end - tokens.start > MAX_SCALAR) continue
      const path = steps.slice(1, depth + 1).join('.')
      found.push({ path, kind, start: tokens.start, end: tokens.end })
    }
  } while (tokens.end < end)
  return found
}

const squashed = (bytes: Uint8Array, { start, end }: Span): string =>
  stringAt(bytes, start, end)
    .replace(/[_\-. ]/g, '')
    .toLowerCase()
