import type { RedactKind } from '../../config/config.ts'
import type { Span } from './automaton.ts'
import { cardIn, ibanIn, SPACES } from './checksums.ts'

type Find = (text: string) => readonly Span[]

/**
 * Where a text holds one of what Postern knows by itself. Run by the engine of JavaScript, so each is written such that
 * a text cannot make it slow: what repeats has a bound, and begins only where nothing of its own kind stands before.
 */
export const kinds: Readonly<Record<RedactKind, Find>> = {
  private_key: (text) => privateKeys(text),
  api_key: matching(
    new RegExp(
      `(?<![A-Za-z0-9_-])(?:${[
        'sk-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{20,200}', // OpenAI, Anthropic, OpenRouter, DeepSeek
        'gh[opusr]_[A-Za-z0-9]{36,255}', // GitHub
        'github_pat_[A-Za-z0-9_]{22,255}',
        'glpat-[A-Za-z0-9_-]{20,64}', // GitLab
        '(?:AKIA|ASIA)[A-Z0-9]{16}', // Amazon
        'AIza[A-Za-z0-9_-]{35}', // Google
        'xox[abeoprs]-[A-Za-z0-9-]{10,255}', // Slack
        'xapp-[A-Za-z0-9-]{10,255}',
        '[rs]k_(?:live|test)_[A-Za-z0-9]{16,247}', // Stripe
        'whsec_[A-Za-z0-9+/]{24,128}',
        'hf_[A-Za-z0-9]{30,64}', // Hugging Face
        'npm_[A-Za-z0-9]{36}',
        'pypi-[A-Za-z0-9_-]{50,255}',
        'SG\\.[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{32,64}', // SendGrid
        'gsk_[A-Za-z0-9]{40,64}', // Groq
        'xai-[A-Za-z0-9]{60,100}',
        'pplx-[A-Za-z0-9]{40,64}', // Perplexity
        'tskey-[a-z]{2,12}-[A-Za-z0-9]{8,32}-[A-Za-z0-9]{16,64}', // Tailscale
        'dop_v1_[a-f0-9]{64}', // DigitalOcean
        'pst_[A-Za-z0-9]{36}', // our own
      ].join('|')})`,
      'g',
    ),
  ),
  jwt: matching(
    /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,4096}\.eyJ[A-Za-z0-9_-]{4,16384}\.[A-Za-z0-9_-]{0,4096}/g,
  ),
  email: matching(
    /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/gu,
  ),
  // With its country, or as North America writes it: bare numbers are anything.
  phone: matching(
    new RegExp(
      `(?<![\\w+])\\+[1-9]\\d{0,2}(?:[${SPACES}.\\-/()]{0,2}\\d){6,13}(?!\\d)` +
        `|(?<![\\w.-])(?:\\(\\d{3}\\)[${SPACES}]?|\\d{3}[-.${SPACES}])\\d{3}[-.${SPACES}]\\d{4}(?![\\w-])`,
      'g',
    ),
  ),
  iban: checked(
    new RegExp(`(?<![A-Za-z0-9])[A-Za-z]{2}\\d{2}(?:[${SPACES}]?[A-Za-z0-9]){11,30}`, 'g'),
    ibanIn,
  ),
  credit_card: checked(new RegExp(`(?<!\\d)[2-6](?:[${SPACES}-]?\\d){12,18}`, 'g'), cardIn),
}

function matching(pattern: RegExp): Find {
  return (text) =>
    Array.from(text.matchAll(pattern), ({ index, 0: found }) => ({
      start: index,
      end: index + found.length,
    }))
}

/** The pattern finds where one may begin; `lengthOf` says how long it is, or 0 for none. */
function checked(pattern: RegExp, lengthOf: (candidate: string) => number): Find {
  return (text) => {
    const found: Span[] = []
    const search = new RegExp(pattern)
    for (let match = search.exec(text); match; match = search.exec(text)) {
      // With what follows, for it may be part of something longer.
      const length = lengthOf(text.slice(match.index, match.index + match[0].length + 1))
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
