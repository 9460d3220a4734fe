/**
 * A pattern as Go's `path.Match` reads it: `*` is any run of characters but a slash, `?` one of them, `[a-z]` and
 * `[^a-z]` a class, a backslash takes what follows as it is. The whole name has to match. Undefined for what is none.
 */
export const pathPattern = (pattern: string): RegExp | undefined => {
  const parts = pattern.match(/\*+|\?|\[\^?(?:\\.|[^\\\]])(?:\\.|[^\\\]])*\]|\\.|[^\\[]/gsu) ?? []
  if (parts.join('') !== pattern) return undefined
  try {
    return new RegExp(`^${parts.map(asRegExp).join('')}$`, 'su')
  } catch {
    // A class such as `[z-a]`.
    return undefined
  }
}

const asRegExp = (part: string): string => {
  if (part.startsWith('*')) return '[^/]*'
  if (part === '?') return '[^/]'
  if (part.startsWith('[') && part.length > 1) return classOf(part)
  return escaped(part.startsWith('\\') ? part.slice(1) : part)
}

/** Only the dash means something inside of a class of Go's, and only where it is not escaped. */
const classOf = (part: string): string => {
  const not = part[1] === '^'
  const members = part.slice(not ? 2 : 1, -1).match(/\\.|[^\\]/gsu) ?? []
  const inside = members.map((member) => {
    if (member === '-') return '-'
    const char = member.startsWith('\\') ? member.slice(1) : member
    return char === '-' ? '\\-' : escaped(char)
  })
  return `[${not ? '^' : ''}${inside.join('')}]`
}

const escaped = (char: string): string => (/[\^$\\.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char)
