import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../../src/config/values/text-pattern.ts'
import { compile, Search, type Span } from '../../../src/gateway/hooks/redact/automaton.ts'
import { computed } from '../../support/computed.ts'

const find = (source: string, text: string): readonly Span[] => {
  const { pattern, why } = parsePattern(source)
  if (!pattern) throw new Error(why)
  const search = new Search(compile(pattern), text)
  while (search.advance(7)) {}
  return search.found
}

/** What any match covers, found by trying every part of the text with the engine of JavaScript. */
const naive = (source: string, text: string): Span[] => {
  const whole = new RegExp(
    `^(?:${source.replace(/^\(\?i\)/, '')})$`,
    source.startsWith('(?i)') ? 'i' : '',
  )
  const covered = Array.from(text, () => false)
  const joints = new Set<number>()
  for (let start = 0; start < text.length; start++) {
    for (let end = start + 1; end <= text.length; end++) {
      if (!whole.test(text.slice(start, end))) continue
      covered.fill(true, start, end)
      joints.add(start)
    }
  }
  const spans: Span[] = []
  for (let at = 0; at < text.length; at++) {
    if (!covered[at]) continue
    const start = at
    while (covered[at]) at++
    spans.push({ start, end: at })
  }
  return spans
}

const hidden = (source: string, text: string): string =>
  find(source, text)
    .toReversed()
    .reduce((out, { start, end }) => `${out.slice(0, start)}#${out.slice(end)}`, text)

describe('a pattern', () => {
  it.each([
    ['ACME-[0-9]{6}', 'see ACME-123456, ACME-12345', 'see #, ACME-12345'],
    ['colou?r', 'color colour colouur', '# # colouur'],
    ['(?:ab|cd)+x', 'ababcdx abx x', '# # x'],
    ['\\bkey\\b', 'key monkey keys key', '# monkey keys #'],
    ['^a+$', 'aaa', '#'],
    ['^a+$', 'aaab', 'aaab'],
    ['(?i)straße|secret', 'SeCrEt SECRET straße', '# # #'],
    ['[^ ]+@x', 'a@x b @x', '# b @x'],
    ['\\d{2,3}', '1 12 1234', '1 # #'],
    ['a.c', 'abc a\nc a-c', '# a\nc #'],
    ['[\\]\\-a]{2}', 'x]-x', 'x#x'],
    ['\\u00e9\\x41', 'éA', '#'],
    ['(?i)[k-m]{2}', 'KL km', '# #'],
    ['\\S\\s\\S', 'a b', '#'],
    ['👋{2}', '👋\udc4b', '#'],
  ])('%s in "%s" leaves "%s"', (source, text, expected) => {
    expect(hidden(source, text)).toBe(expected)
  })

  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', 'ab', '(?:a|bc)', '1')
  const piece = fc
    .tuple(atom, fc.constantFrom('', '', '+', '?', '*', '{2}', '{1,2}', '{2,}'))
    .map(([one, times]) => (one.length === 2 && !one.startsWith('\\') ? one : one + times))
  const source = fc
    .tuple(
      fc.constantFrom('', '(?i)'),
      fc.array(fc.array(piece, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 }),
    )
    .map(([flag, ways]) => flag + ways.map((pieces) => pieces.join('')).join('|'))
    .filter((text) => parsePattern(text).pattern !== undefined)
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', 'A'), maxLength: 12 })

  it('finds what the engine of JavaScript finds when it tries every part', () => {
    fc.assert(
      fc.property(source, text, (pattern, input) => {
        expect(find(pattern, input)).toEqual(naive(pattern, input))
      }),
      { numRuns: 2000 },
    )
  })

  it('is read, or refused with a reason, whatever its text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ab01()[]{}|*+?^$\\.-,:dDwWsSbBxu '), maxLength: 24 }),
        text,
        (pattern, input) => {
          const read = parsePattern(pattern)
          if (read.pattern) find(pattern, input)
          else expect(read.why).toMatch(/^\w/)
        },
      ),
      { numRuns: 5000 },
    )
  })

  it.each([
    ['(?:a+)+b', 'a'],
    ['(?:a|a)*b', 'a'],
    ['a*a*a*a*b', 'a'],
    ['\\d+x', '1'],
    ['(?:a|aa)+$', 'a'],
    ['[a-z]{1,60}@', 'a'],
  ])('%s is done with a long text in no time', (source, unit) => {
    const started = computed()
    find(source, unit.repeat(100_000))
    // A fifth of a second on any machine; quadratic time would be minutes, exponential time would not end.
    expect(computed() - started).toBeLessThan(5000)
  })
})
