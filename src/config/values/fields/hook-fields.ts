import { z } from 'zod'
import { quote } from '../../problem.ts'
import { type PatternNode, parsePattern } from '../text-pattern.ts'
import { parseDuration } from '../units.ts'
import { checkHttpUrl } from '../url.ts'
import { refuse } from './fields.ts'

const LONGEST = 86_400_000

/** In ms; 0 means no limit. */
export const hookTimeout = () =>
  z.string().transform((text, ctx) => {
    const ms = text === '0' ? 0 : parseDuration(text)
    const remedy = 'Write a number and a unit, such as "750ms", "5s" or "1m", or "0" for no limit'
    if (ms === undefined) return refuse(ctx, text, `${quote(text)} is not a duration`, remedy)
    return ms <= LONGEST ? ms : refuse(ctx, text, `${quote(text)} is longer than a day`, remedy)
  })

/** As much of an address as cannot be a secret: a query can hold a token, and what stands before an @ a password. */
const shown = (text: string): string => {
  const bare = text.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/i, '$1')
  return quote(bare).slice(1, -1)
}

/** A query may be part of it; it can hold a token, so the address is shown nowhere. Empty where there is none. */
export const hookUrl = () =>
  z.string().transform((text, ctx) => {
    if (text === '') return text
    const { url, why } = checkHttpUrl(text.replace(/\?[^#\s\\]*$/, ''))
    if (url) return text
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase()
    const remedy = 'Write http:// or https://, host, port and path'
    if (scheme === 'http' || scheme === 'https') {
      return refuse(ctx, text, `has a wrong url: it ${why}`, remedy)
    }
    const message = `has invalid URL scheme (must be http:// or https://): ${shown(text)}`
    return refuse(ctx, text, message, remedy)
  })

/** A regular expression that takes linear time, as parsed. */
export const hookPattern = () =>
  z.string().transform((text, ctx): PatternNode => {
    const { pattern, why } = parsePattern(text)
    const remedy = 'docs/hooks.md has the syntax'
    return pattern ?? refuse(ctx, text, `the pattern ${why}`, remedy)
  })
