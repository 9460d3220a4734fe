/** Models and paths are few and asked about with each request; anybody may write others, of any length. */
const remembered = 256
const longest = 256

/**
 * Compiles `provider/model` globs into one test. `*` is any run of characters within a segment, `?` one character of
 * it, `**` as a whole segment zero or more segments. Everything else means itself: model ids hold `:`, `+`, `[` and `(`,
 * to which picomatch would give a meaning. Not a regular expression either: on `*a*a*a*a` those take exponential time.
 */
export function compileGlobs(globs: readonly string[]): (target: string) => boolean {
  const patterns = globs.map((glob) => glob.split('/').map((segment) => [...segment]))
  const fitsAny = (target: string): boolean => {
    const segments = target.split('/').map((segment) => [...segment])
    return patterns.some((pattern) => matches(pattern, segments, isGlobstar, matchesSegment))
  }
  // Begun anew when it is full: there is one for each grant of each caller, and an empty map takes no room.
  const known = new Map<string, boolean>()
  return (target) => {
    const before = known.get(target)
    if (before !== undefined) return before
    const fits = fitsAny(target)
    if (target.length > longest) return fits
    if (known.size === remembered) known.clear()
    known.set(target, fits)
    return fits
  }
}

const isGlobstar = (segment: readonly string[]): boolean =>
  segment.length === 2 && segment.every(isStar)

const isStar = (character: string): boolean => character === '*'

const matchesSegment = (pattern: readonly string[], segment: readonly string[]): boolean =>
  matches(pattern, segment, isStar, (wanted, given) => wanted === '?' || wanted === given)

/**
 * The same for characters of a segment and segments of a path. When something does not fit, only the last star needs to
 * take one more: what an earlier one could take in exchange, the last can as well.
 */
function matches<T>(
  pattern: readonly T[],
  items: readonly T[],
  isAny: (wanted: T) => boolean,
  fits: (wanted: T, given: T) => boolean,
): boolean {
  let at = 0
  let star = -1
  let taken = 0
  for (let i = 0; i < items.length; ) {
    const wanted = pattern[at]
    if (wanted !== undefined && isAny(wanted)) {
      star = at++
      taken = i
    } else if (wanted !== undefined && fits(wanted, items[i]!)) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++taken
    } else {
      return false
    }
  }
  return pattern.slice(at).every(isAny)
}
