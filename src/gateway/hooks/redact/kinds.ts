import type { RedactKind } from '../../../config/config.ts'
import { apiKeys } from './api-keys.ts'
import type { Span } from './automaton.ts'
import { BETWEEN, cardIn, ibanIn } from './checksums.ts'

type Find = (text: string) => readonly Span[]

/**
 * Where a text holds one of what Postern knows by itself. Run by the engine of JavaScript, so each is written such that
 * a text cannot make it slow: what repeats has a bound, and begins only where nothing of its own kind stands before.
 */
export const kinds: Readonly<Record<RedactKind, Find>> = {
  private_key: (text) => privateKeys(text),
  api_key: matching(apiKeys),
  jwt: matching(
    /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,4096}\.eyJ[A-Za-z0-9_-]{4,16384}\.[A-Za-z0-9_-]{0,4096}/g,
  ),
  email: matching(
    /(?<![\p{L}\p{M}\p{N}._%+-])[\p{L}\p{M}\p{N}._%+-]{1,64}@(?:[\p{L}\p{M}\p{N}-]{1,63}\.){1,8}(?:xn--[a-z0-9-]{1,59}|\p{L}[\p{L}\p{M}]{1,23})(?![\p{L}\p{M}\p{N}])/giu,
  ),
  // With its country, or as North America writes it: bare numbers are anything.
  phone: matching(
    new RegExp(
      `(?<![\\w+])\\+[1-9]\\d{0,2}(?:[${BETWEEN}./()]{0,3}\\d){6,13}(?!\\d)` +
        `|(?<![\\w+.-])00[1-9]\\d{0,2}[${BETWEEN}./()]{1,3}\\d(?:[${BETWEEN}./()]{0,3}\\d){6,12}(?![\\w-])` +
        `|(?<![\\w.-])(?:1[${BETWEEN}.])?(?:\\(\\d{3}\\)[${BETWEEN}]?|\\d{3}[${BETWEEN}.])\\d{3}[${BETWEEN}.]\\d{4}(?![\\w-])`,
      'g',
    ),
  ),
  iban: checked(
    new RegExp(`(?<![A-Za-z0-9])[A-Za-z]{2}\\d{2}(?:[${BETWEEN}]{0,3}[A-Za-z0-9]){11,30}`, 'g'),
    ibanIn,
  ),
  credit_card: checked(
    new RegExp(`(?<![A-Za-z\\d]|\\d\\.)[2-6](?:[${BETWEEN}]{0,3}\\d){12,18}`, 'g'),
    cardIn,
  ),
}

function matching(pattern: RegExp): Find {
  return (text) =>
    Array.from(text.matchAll(pattern), ({ index, 0: found }) => ({
      start: index,
      end: index + found.length,
    }))
}

/** Characters after a candidate that tell whether it ends there. */
const AFTER = 8

/** The pattern finds where one may begin; `lengthOf` says how long it is, or 0 for none. */
function checked(pattern: RegExp, lengthOf: (candidate: string) => number): Find {
  return (text) => {
    const found: Span[] = []
    const search = new RegExp(pattern)
    for (let match = search.exec(text); match; match = search.exec(text)) {
      // With what follows, for it may be part of something longer.
      const length = lengthOf(text.slice(match.index, match.index + match[0].length + AFTER))
      if (length > 0) found.push({ start: match.index, end: match.index + length })
      search.lastIndex = match.index + Math.max(1, length)
    }
    return found
  }
}

const beginning = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g
const ending = /-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g
/** Of a key that breaks off: as long as it looks like one, in JSON or out of it. */
const inside = /[A-Za-z0-9+/=\s\\:,-]*/y

function privateKeys(text: string): Span[] {
  const found: Span[] = []
  const begins = new RegExp(beginning)
  const ends = new RegExp(ending)
  let nextEnd: { readonly start: number; readonly end: number } | undefined
  for (let match = begins.exec(text); match; match = begins.exec(text)) {
    const after = match.index + match[0].length
    if (!nextEnd || nextEnd.start < after) {
      ends.lastIndex = after
      const last = ends.exec(text)
      nextEnd = last
        ? { start: last.index, end: last.index + last[0].length }
        : { start: Infinity, end: Infinity }
    }
    const end = nextEnd.end === Infinity ? brokenOff(text, after) : nextEnd.end
    found.push({ start: match.index, end })
    begins.lastIndex = end
  }
  return found
}

const brokenOff = (text: string, from: number): number => {
  const rest = new RegExp(inside)
  rest.lastIndex = from
  return from + (rest.exec(text)?.[0].length ?? 0)
}
