/** The candidate a mistyped name was probably meant to be, if any is near enough. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const bare = normalise(name)
  const limit = Math.min(3, Math.ceil(bare.length / 3))
  const near = candidates
    .map((candidate) => ({ candidate, steps: distance(bare, normalise(candidate)) }))
    .filter(({ steps }) => steps <= limit)
  return near.sort((a, b) => a.steps - b.steps)[0]?.candidate
}

/** `apiKey`, `api_key` and `api-key` are one word to a person. */
const normalise = (name: string): string => name.slice(0, 64).toLowerCase().replace(/[_-]/g, '')

/** Levenshtein: insertions, deletions and substitutions. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
