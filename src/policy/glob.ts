/**
 * Compiles `provider/model` globs into one test. `*` is any run of characters within a segment, `?` one character of
 * it, `**` as a whole segment zero or more segments. Everything else means itself: model ids hold `:`, `+`, `[` and `(`,
 * which is why this is not picomatch, whose braces, brackets and extglobs would give them a meaning.
 */
export function compileGlobs(globs: readonly string[]): (target: string) => boolean {
  if (globs.length === 0) return () => false
  const pattern = new RegExp(`^(?:${globs.map(source).join('|')})$`, 'su')
  return (target) => pattern.test(`/${target}`)
}

// Every segment carries the slash before it, so that `**` may stand for none at all.
const source = (glob: string): string =>
  glob
    .split('/')
    .map((segment) => (segment === '**' ? '(?:/[^/]*)*' : `/${segmentSource(segment)}`))
    .join('')

const segmentSource = (segment: string): string =>
  segment
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '[^/]*')
    .replace(/\?/g, '[^/]')
