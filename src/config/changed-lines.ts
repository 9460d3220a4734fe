/** Nothing longer is worth keeping. */
const longest = 2000

/** The lines that differ, for the record: `- went`, `+ came`; at most 2,000 characters. */
export const changedLines = (before: string, after: string): string => {
  const [old, next] = [before.split('\n'), after.split('\n')]
  const [had, has] = [new Set(old), new Set(next)]
  return [
    ...old.filter((line) => !has.has(line)).map((line) => `- ${line.trim()}`),
    ...next.filter((line) => !had.has(line)).map((line) => `+ ${line.trim()}`),
  ]
    .join('\n')
    .slice(0, longest)
}
