/**
 * Is `version`, as tailscaled says it (`1.102.3-t8a3…`), older than `floor`? What is not a version counts as old: nothing is
 * known of it.
 */
export const olderThan = (version: string, floor: string): boolean => {
  const own = numbersOf(version)
  const least = numbersOf(floor)
  const at = least.findIndex((number, index) => own[index] !== number)
  return at >= 0 && (own[at] ?? -1) < (least[at] ?? 0)
}

const numbersOf = (version: string): number[] =>
  (/^\d+(?:\.\d+)*/.exec(version)?.[0] ?? '').split('.').filter(Boolean).map(Number)
