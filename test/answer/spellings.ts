import fc from 'fast-check'

const hex = (code: number, digits: number, upper: boolean): string => {
  const text = code.toString(16).padStart(digits, '0')
  return upper ? text.toUpperCase() : text
}

/** How each character of a text is written at one level, by a list of choices that is gone through again and again. */
const jsonChar = (char: string, choice: number): string => {
  const plain = JSON.stringify(char).slice(1, -1)
  if (choice % 4 === 0) return `\\u${hex(char.charCodeAt(0), 4, choice % 8 === 0)}`
  if (choice % 4 === 1 && char === '/') return '\\/'
  return plain
}

const percentChar = (char: string, choice: number): string => {
  const code = char.charCodeAt(0)
  if (code > 127) return encodeURIComponent(char)
  const isReserved = char === '%'
  return isReserved || choice % 3 === 0 ? `%${hex(code, 2, choice % 2 === 0)}` : char
}

const level = (
  write: (char: string, choice: number) => string,
  text: string,
  choices: readonly number[],
): string => [...text].map((char, i) => write(char, choices[i % choices.length] ?? 3)).join('')

export interface Spelling {
  readonly kind: 'json' | 'percent'
  readonly choices: readonly number[]
}

/** Nested spellings, the innermost first. */
export const spellings: fc.Arbitrary<readonly Spelling[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('json', 'json', 'percent'),
    choices: fc.array(fc.nat(23), { minLength: 1, maxLength: 7 }),
  }),
  { maxLength: 3 },
)

export const spell = (text: string, levels: readonly Spelling[]): string =>
  levels.reduce(
    (inner, { kind, choices }) => level(kind === 'json' ? jsonChar : percentChar, inner, choices),
    text,
  )

/** Undoes what `spell` did. */
export const unspell = (text: string, levels: readonly Spelling[]): string =>
  levels.toReversed().reduce((outer, { kind }) => {
    if (kind === 'json') return JSON.parse(`"${outer}"`) as string
    return lenient(outer)
  }, text)

/** As readers of URLs do who take a stray percent sign for itself. */
const lenient = (text: string): string =>
  text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run)
    } catch {
      return run
    }
  })

const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** Keys as providers give them out, and such as could be anything that fits in a header. */
export const secrets: fc.Arbitrary<string> = fc.oneof(
  fc
    .string({ unit: fc.constantFrom(...alphabet), minLength: 12, maxLength: 40 })
    .map((it) => `sk-${it}`),
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 12, maxLength: 64 }),
  fc.string({ unit: fc.constantFrom(...ascii), minLength: 12, maxLength: 30 }),
  fc.string({
    unit: fc.constantFrom('a', 'b', '0', 'u', '%', '/', '"'),
    minLength: 14,
    maxLength: 20,
  }),
)

/** Text around a secret, in which escapes are frequent. */
export const surroundings: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(
    '\\',
    '%',
    'u',
    '0',
    '4',
    'a',
    '"',
    '\n',
    ' ',
    ':',
    '/',
    'é',
    '門',
    's',
    '.',
  ),
  maxLength: 12,
})

export const cuts = fc.array(fc.nat(400), { maxLength: 10 })

interface Passing {
  push(chunk: Uint8Array): Uint8Array | null
  flush(): Uint8Array | null
}

/** What comes out of something that bytes pass through, cut at these places. */
export const inPieces = (
  passing: Passing,
  input: string | Uint8Array,
  at: readonly number[],
): string => {
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input
  const places = at.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
  const out: Uint8Array[] = []
  let from = 0
  for (const cut of [...places, bytes.length]) {
    const passed = passing.push(bytes.slice(from, cut))
    if (passed) out.push(passed)
    from = cut
  }
  const rest = passing.flush()
  if (rest) out.push(rest)
  return new TextDecoder().decode(Buffer.concat(out))
}
