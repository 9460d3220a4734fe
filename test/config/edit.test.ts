import fc from 'fast-check'
import { createScanner, type ParseError, parse } from 'jsonc-parser'
import { describe, expect, it } from 'vitest'
import { removeAt, setAt } from '../../src/config/edit.ts'

const read = (text: string): unknown => {
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true })
  if (errors.length > 0) throw new Error(`edit broke the file: ${text}`)
  return value
}

const LINE_COMMENT = 12
const BLOCK_COMMENT = 13
const END = 17

const commentsOf = (text: string): string[] => {
  const scanner = createScanner(text, false)
  const comments: string[] = []
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    if (kind !== LINE_COMMENT && kind !== BLOCK_COMMENT) continue
    const start = scanner.getTokenOffset()
    comments.push(text.slice(start, start + scanner.getTokenLength()))
  }
  return comments
}

describe('setAt', () => {
  it.each([
    ['{}', ['a'], 1, '{\n  "a": 1\n}'],
    ['{ "a": 1 }', ['b'], 2, '{ "a": 1, "b": 2 }'],
    ['{ "a": 1, }', ['b'], 2, '{ "a": 1, "b": 2, }'],
    ['{ "a": 1 /* one */ }', ['b'], 2, '{ "a": 1, /* one */ "b": 2 }'],
    ['{\n  "a": 1 // one\n}\n', ['b'], 2, '{\n  "a": 1, // one\n  "b": 2\n}\n'],
    ['{\n  "a": 1, // one\n}', ['b'], 2, '{\n  "a": 1, // one\n  "b": 2,\n}'],
    ['{\n\t"a": {}\n}', ['a', 'b'], 2, '{\n\t"a": {\n\t\t"b": 2\n\t}\n}'],
    ['{\r\n  "a": 1\r\n}', ['b'], 2, '{\r\n  "a": 1,\r\n  "b": 2\r\n}'],
    ['{\n  // none yet\n}', ['a', 'b'], 1, '{\n  // none yet\n  "a": { "b": 1 }\n}'],
    ['{ "a": [1] }', ['a', 1], 2, '{ "a": [1, 2] }'],
    ['{ "a": /* was */ 1 /* is */ }', ['a'], [2], '{ "a": /* was */ [2] /* is */ }'],
    ['\uFEFF{ "a": 1 }', ['a'], 2, '\uFEFF{ "a": 2 }'],
  ])('makes of %j with %j = %j: %j', (text, path, value, expected) => {
    expect(setAt(text, path as string[], value)).toBe(expected)
  })

  it('breaks what does not fit on a line', () => {
    const long = 'x'.repeat(80)
    expect(setAt('{}', ['u'], { password: long, groups: [] })).toBe(
      `{\n  "u": {\n    "password": "${long}",\n    "groups": []\n  }\n}`,
    )
  })

  it('refuses to write through a value that holds nothing', () => {
    expect(() => setAt('{ "a": 1 }', ['a', 'b'], 2)).toThrow('a is not an object')
  })

  it('refuses a file that is broken', () => {
    expect(() => setAt('{ "a": }', ['b'], 2)).toThrow('a value is expected')
  })
})

describe('removeAt', () => {
  it.each([
    ['{ "a": 1, "b": 2 }', ['b'], '{ "a": 1 }'],
    ['{ "a": 1, "b": 2 }', ['a'], '{ "b": 2 }'],
    [
      '{\n  "a": 1, // about a\n  "b": 2 // about b\n}',
      ['b'],
      '{\n  "a": 1 // about a\n  // about b\n}',
    ],
    ['{\n  "a": 1,\n  "b": 2,\n}', ['b'], '{\n  "a": 1,\n}'],
    ['{\n  "a": 1,\n  // about b\n  "b": 2\n}', ['b'], '{\n  "a": 1\n  // about b\n}'],
    ['{ "a": [1, 2, 3] }', ['a', 1], '{ "a": [1, 3] }'],
    ['{ "a": 1 }', ['z'], '{ "a": 1 }'],
  ])('makes of %j without %j: %j', (text, path, expected) => {
    expect(removeAt(text, path as string[])).toBe(expected)
  })
})

describe('any edit', () => {
  // A document with a numbered comment or blank at every place that may hold one.
  const blank = fc.constantFrom(
    '',
    ' ',
    '\n',
    '\n  ',
    '/*C*/',
    ' // C\n',
    '\n// C\n  ',
    ' /*C*/ /*C*/ ',
  )
  const leaf = fc.constantFrom('1', '"x // no comment"', 'null', 'true')
  const join = (open: string, close: string, entries: string[], gaps: string[], comma: boolean) =>
    `${gaps[0]}${open}${gaps[1]}${entries.join(`${gaps[2]},${gaps[3]}`)}${gaps[4]}${
      comma && entries.length > 0 ? ',' : ''
    }${gaps[5]}${close}`
  const gaps = fc.array(blank, { minLength: 6, maxLength: 6 })
  const { value } = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, tie('object'), tie('list')),
    list: fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), gaps, fc.boolean())
      .map(([items, spaces, comma]) => join('[', ']', items, spaces, comma)),
    object: fc
      .tuple(
        fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
        fc.array(tie('value'), { minLength: 3, maxLength: 3 }),
        gaps,
        fc.boolean(),
      )
      .map(([keys, values, spaces, comma]) =>
        join(
          '{',
          '}',
          keys.map((key, index) => `"${key}":${spaces[index]}${values[index]}`),
          spaces,
          comma,
        ),
      ),
  }))
  const documents = fc.tuple(blank, value, blank).map(([before, text, after]) => {
    let count = 0
    return `${before}{ "top":${text}}${after}`.replace(/C(?=\*\/|\n)/g, () => `comment ${count++}`)
  })
  const paths = fc
    .array(fc.constantFrom('a', 'b', 'c', 0, 1), { maxLength: 3 })
    .map((path) => ['top', ...path])

  it('adds a key and keeps every comment, in order', () => {
    fc.assert(
      fc.property(documents, (text) => {
        const edited = setAt(text, ['new', 'key'], { x: [1] })
        expect(read(edited)).toEqual({ ...(read(text) as object), new: { key: { x: [1] } } })
        expect(commentsOf(edited)).toEqual(commentsOf(text))
      }),
      { numRuns: 300 },
    )
  })

  it('sets a value that reads back, and keeps every comment outside what it replaced', () => {
    fc.assert(
      fc.property(documents, paths, (text, path) => {
        const old = at(read(text), path)
        let edited: string
        try {
          edited = setAt(text, path, 'set')
        } catch (cause) {
          expect(String(cause)).toMatch(/ is not an (object|array)/)
          return
        }
        expect(commentsOf(edited).every((comment) => text.includes(comment))).toBe(true)
        if (old === undefined || typeof old !== 'object') {
          expect(commentsOf(edited)).toEqual(commentsOf(text))
        }
        expect(JSON.stringify(read(edited))).toContain('"set"')
      }),
      { numRuns: 300 },
    )
  })

  it('removes the entry and nothing else, and keeps every comment outside it', () => {
    fc.assert(
      fc.property(documents, paths, (text, path) => {
        const edited = removeAt(text, path)
        const expected = read(text)
        const holder = at(expected, path.slice(0, -1)) as { [key: string]: unknown } | undefined
        const key = path.at(-1) ?? ''
        const old = at(expected, path)
        if (holder && Array.isArray(holder) && typeof key === 'number') holder.splice(key, 1)
        else if (holder && typeof holder === 'object' && typeof key === 'string') delete holder[key]
        expect(read(edited)).toEqual(expected)
        if (old === undefined || old === null || typeof old !== 'object') {
          const kept = new Set(commentsOf(edited))
          for (const comment of commentsOf(text)) {
            // What stands between a key and its value is inside the entry.
            const inside = new RegExp(`"${key}":[^"]*${comment.slice(2, 12)}`)
            expect(kept.has(comment) || inside.test(text)).toBe(true)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

function at(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined
    if (Array.isArray(value) !== (typeof key === 'number')) return undefined
    value = (value as { [key: string]: unknown })[key]
  }
  return value
}
