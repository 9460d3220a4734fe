const escapes: Readonly<Record<string, string>> = { t: '\t', '"': '"', '\\': '\\' }

/**
 * JSON for people: lines of a text are lines, and quotes in it stand as they are. No parser takes it; the API has the
 * same as JSON.
 */
export const prettyJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).split('\n').map(unescaped).join('\n')

const unescaped = (line: string): string => {
  const below = `\n${/^ */.exec(line)?.[0]}  `
  return line.replace(/\\(["\\nt])/g, (_, char: string) => escapes[char] ?? below)
}
