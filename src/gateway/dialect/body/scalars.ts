import { Failure } from '../../../platform/failure.ts'
import { squash } from './names.ts'
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

/** No client has so many settings or tools; walking over more would take the loop's time. */
const MAX_SCALARS = 50_000

/**
 * Every scalar within one value, which was found valid, however long and deep.
 * @throws Failure `invalid_request` where there are too many
 */
export const scalarsIn = (bytes: Uint8Array, { start, end }: Span): readonly Scalar[] => {
  const found: Scalar[] = []
  const tokens = new JsonTokens(bytes, start)
  /** By depth: what leads to a value in the container of that depth. */
  const steps: string[] = []
  do {
    tokens.next()
    const { kind, depth } = tokens
    if (kind === 'key') steps[depth] = squashed(bytes, tokens)
    else if (kind === 'array') steps[depth] = '[]'
    else if (kind === 'string' || kind === 'number') {
      if (found.length === MAX_SCALARS) throw tooMany()
      const path = steps.slice(1, depth + 1).join('.')
      found.push({ path, kind, start: tokens.start, end: tokens.end })
    }
  } while (tokens.end < end)
  return found
}

/** Longer names are none that a server knows. */
const MAX_NAME = 256

const squashed = (bytes: Uint8Array, { start, end }: Span): string =>
  end - start > MAX_NAME ? '?' : squash(stringAt(bytes, start, end))

const tooMany = (): Failure =>
  new Failure('invalid_request', `A field of the body holds more than ${MAX_SCALARS} values.`)
