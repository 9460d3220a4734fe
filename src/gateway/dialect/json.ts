export type Json = Readonly<Record<string, unknown>>

export const object = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

/** More is not a count of anything in one request. */
const most = 1_000_000_000

/** A count that somebody told: a whole number in a believable range, or nothing. */
export const whole = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) ? number(value) : undefined

/** A quantity that somebody told, with fractions. */
export const number = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value <= most ? value : undefined

/** Undefined for what is not JSON. */
export const parse = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
