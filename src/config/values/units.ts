const DURATION = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

/** `500ms`, `15s`, `10m`, `1.5h`, `7d` and sums such as `1h30m`, in ms; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(count) * DURATION[unit as keyof typeof DURATION]
  }
  return Math.round(total)
}

/** `512KiB`, `1MB`, `32MiB`, in bytes; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([KMG]i?B|B)$/.exec(text)
  if (!match) return undefined
  return Math.round(Number(match[1]) * SIZE[match[2] as keyof typeof SIZE])
}
