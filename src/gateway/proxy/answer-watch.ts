import { concat } from '../../platform/bytes.ts'
import { Failure } from '../../platform/failure.ts'
import { isStreamed } from '../answer/kind.ts'
import type { NeedleFinder } from '../answer/needles.ts'
import type { AnswerReading } from '../answer/reading.ts'
import { type Scrubber, TextScrubber } from '../answer/scrub.ts'
import { FrameScrubber } from '../answer/scrub-frames.ts'
import type { BodyWatch } from '../http/env.ts'

export interface AnswerWatchOptions {
  readonly reading: AnswerReading
  /** What must not be in the answer. */
  readonly finder: NeedleFinder
  /** The length of the body has been declared. */
  readonly hasLength: boolean
  /** Its head does not wait for the first byte. */
  readonly goesAtOnce: boolean
  /** It must have a body. */
  readonly required: boolean
  /** Those who watch it besides; they see what the client sees. */
  readonly watch: BodyWatch
}

/**
 * The first to see an answer pass: decides by its first bytes how it is read, and takes out what must not reach the
 * client.
 */
export const watchAnswer = (options: AnswerWatchOptions): BodyWatch => {
  const { reading, finder, hasLength, goesAtOnce, required, watch } = options
  let scrubber: Scrubber | undefined
  const scrubberFor = (): Scrubber => {
    const kind = reading.assumed
    scrubber ??=
      kind === 'frames'
        ? new FrameScrubber(finder)
        : new TextScrubber({ finder, kind, fixedLength: hasLength && !isStreamed(kind) })
    return scrubber
  }
  const passed = (bytes: Uint8Array | null): Uint8Array | null => {
    if (!bytes) return null
    if (reading.page && !goesAtOnce) throw webPage()
    // Nothing but blanks passes before the kind is known.
    const clean = reading.kind === undefined ? bytes : scrubberFor().push(bytes)
    return clean && watch.push(clean)
  }
  return {
    ...watch,
    required,
    reading,
    push: (chunk) => passed(reading.push(chunk)),
    flush: () => {
      const undecided = passed(reading.flush())
      const rest = scrubber?.flush() ?? null
      return joined(joined(undecided, rest && watch.push(rest)), watch.flush())
    },
  }
}

const webPage = (): Failure =>
  new Failure('upstream_error', 'The model server answered with a web page.', {
    reason: 'upstream_html',
  })

const joined = (a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null =>
  a && b ? concat([a, b], a.byteLength + b.byteLength) : (a ?? b)
