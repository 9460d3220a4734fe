/** The highest cost that answers in seconds; a hash above it would hold a worker and look like a wrong password. */
const MAX_COST = 16

/** Above this a check takes about half a second or more of a core. */
export const SLOW_COST = 12

/** bcrypt in JavaScript on a current core: 1.43 s at cost 14, doubling with each step. */
export const millisecondsPerCheck = (cost: number): number => Math.round(1430 * 2 ** (cost - 14))

export type CheckedHash =
  | { readonly cost: number }
  | { readonly cost?: undefined; readonly why: string }

/**
 * A well-formed bcrypt hash and its cost, or why it is none. A bad hash must be refused here: bcrypt libraries
 * answer "wrong password" to it for ever. The reason never quotes the value.
 */
export function checkHash(hash: string): CheckedHash {
  const match = /^\$2([a-z]?)\$(\d{2})\$([./A-Za-z0-9]*)$/.exec(hash)
  if (!match) return { why: `is ${describe(hash)}, not a bcrypt hash` }
  const [, version = '', digits, payload = ''] = match
  const cost = Number(digits)
  if (!['a', 'b', 'y'].includes(version)) return { why: `has bcrypt version "2${version}"` }
  if (payload.length !== 53)
    return { why: `is cut short or too long (${hash.length} of 60 characters)` }
  if (cost < 4 || cost > 31) return { why: `has bcrypt cost ${digits}, outside 04 to 31` }
  if (cost > MAX_COST) {
    const seconds = Math.round(millisecondsPerCheck(cost) / 1000)
    return { why: `has bcrypt cost ${cost}: each check would take about ${seconds} s` }
  }
  if (!hasCleanPadding(payload)) return { why: 'is damaged: a character of it was changed' }
  return { cost }
}

/** The last character of salt and digest has spare bits that are zero in every hash that can ever match. */
const hasCleanPadding = (payload: string): boolean =>
  /^.{21}[.Oeu].{30}[.CGKOSWaeimquy26]$/.test(payload)

function describe(value: string): string {
  if (value === '') return 'empty'
  if (/^\$argon2/.test(value)) return 'an argon2 hash'
  if (/^\$s?7?[156y]\$|^\$apr1\$|^\{/.test(value)) return 'another kind of hash'
  return value.startsWith('$2') ? 'a damaged hash' : 'plain text'
}
