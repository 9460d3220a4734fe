import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whole } from '../../src/gateway/dialect/body/edit.ts'
import { readFormBody } from '../../src/gateway/dialect/body/form/form-body.ts'
import { forwarded, readEdited } from '../../src/gateway/dialect/body/json-body.ts'
import { describeWith } from '../support/parts/need.ts'
import {
  type Found,
  goReader,
  pythonReaders,
  type Reader,
  startReaders,
} from '../support/parts/readers.ts'

const encoder = new TextEncoder()
const NEW = 'postern-0123456789abcdef0123456789abcdef'

let readers: readonly Reader[]
beforeAll(() => {
  readers = startReaders()
})
afterAll(() => {
  for (const reader of readers ?? []) reader.stop()
})

/** How often a generated body was accepted: a property that refuses everything proves nothing. */
const counts = { accepted: 0, refused: 0 }

/** Spellings that some reader may take for the name: case, folding, escapes, separators, what surrounds it. */
const spelling = (name: string) =>
  fc
    .record({
      letters: fc.array(fc.nat(20), { minLength: name.length, maxLength: name.length }),
      around: fc.constantFrom(
        '',
        '',
        '',
        '',
        ' ',
        '\u0000',
        '\t',
        '\ufeff',
        '[]',
        '.',
        '_',
        '\u200b',
      ),
      before: fc.boolean(),
      camel: fc.boolean(),
    })
    .map(({ letters, around, before, camel }) => {
      const spelled = [...name]
        .map((letter, at) => {
          if (letters[at] === 1) return letter.toUpperCase()
          if (letters[at] === 2 && letter === 's') return '\u017f'
          if (letters[at] === 2 && letter === 'k') return '\u212a'
          if (letters[at] === 3 && letter === '_') return '-'
          return letter
        })
        .join('')
      const joined =
        camel && letters[0] === 4
          ? spelled.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
          : spelled
      return before ? around + joined : joined + around
    })

const judged = fc.constantFrom(
  'model',
  'stream',
  'max_tokens',
  'n',
  'api_base',
  'messages',
  'best_of',
)
const name = fc.oneof(
  { weight: 3, arbitrary: judged },
  { weight: 2, arbitrary: judged.chain(spelling) },
  { weight: 2, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom('temperature', 'user', '__proto__', 'mode', 'modelx') },
)
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('"cheap"', '"dear"', 'true', 'false', '1', '2', '-1') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'null',
      '1e2',
      '1.0',
      '"true"',
      '"5"',
      '[]',
      '{}',
      '1e400',
      '"\\ud800"',
    ),
  },
  { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
)
/** The text of a JSON string, each letter escaped or not. */
const quoted = (text: string, escaped: readonly boolean[]): string =>
  `"${[...text]
    .map((char, at) =>
      escaped[at % escaped.length]
        ? [...Array(char.length).keys()]
            .map((unit) => `\\u${char.charCodeAt(unit).toString(16).padStart(4, '0')}`)
            .join('')
        : JSON.stringify(char).slice(1, -1),
    )
    .join('')}"`

const member = fc
  .tuple(name, fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }), value, fc.boolean())
  .map(
    ([key, escapes, text, plain]) =>
      `${plain ? JSON.stringify(key) : quoted(key, escapes)}:${text}`,
  )

const jsonBody = fc
  .tuple(
    fc.array(member, { maxLength: 5 }),
    fc.constantFrom('"cheap"', '"dear"', '"gpu\\/cheap"', '"\\u0063heap"'),
    fc.nat(5),
    fc.constantFrom('', ' ', '\n\t'),
  )
  .map(
    ([members, model, at, space]) =>
      `{${members.toSpliced(at, 0, `"model":${model}`).join(`${space},${space}`)}${space}}`,
  )

const wanted = (
  found: Found,
  body: ReturnType<typeof readEdited>,
  text: string,
  reader: string,
) => {
  const context = `${reader} of ${text}: ${JSON.stringify(found)}`
  if (found.error !== undefined) return
  expect(found.model, context).toBe(body.model)
  expect(found.stream ?? false, context).toBe(body.stream)
  // Nothing, or what was judged: no reader may find more than the largest of the limits.
  for (const count of [found.max_tokens]) {
    if (typeof count === 'number' && count > 0)
      expect(body.bounds.maxOutput, context).toBeGreaterThanOrEqual(count)
  }
  if (typeof found.n === 'number')
    expect(body.bounds.choices, context).toBeGreaterThanOrEqual(found.n)
  expect(found.api_base || null, context).toBeNull()
}

describeWith([goReader, pythonReaders], 'what other parsers read in what is forwarded', () => {
  test('is what was judged, for JSON in every spelling', async () => {
    counts.accepted = 0
    await fc.assert(
      fc.asyncProperty(jsonBody, async (text) => {
        let body: ReturnType<typeof readEdited>
        try {
          body = readEdited(encoder.encode(text), { modelInPath: false, streams: false })
        } catch {
          counts.refused++
          return
        }
        counts.accepted++
        const sent = whole(forwarded(body, { model: body.model, askUsage: false }))
        for (const reader of readers) {
          wanted(await reader.read('json', 'application/json', sent), body, text, reader.name)
        }
        // And with another name for the model, which is edited in.
        const edited = whole(forwarded(body, { model: 'other', askUsage: body.stream }))
        for (const reader of readers) {
          const found = await reader.read('json', 'application/json', edited)
          if (found.error === undefined)
            expect(found.model, `${reader.name} of ${text}`).toBe('other')
        }
      }),
      { numRuns: 1500 },
    )
    expect(counts.accepted).toBeGreaterThan(200)
    console.log(`JSON: ${counts.accepted} accepted and read alike, ${counts.refused} refused`)
  }, 120_000)

  test('is what was judged, for forms in every framing', async () => {
    counts.accepted = 0
    counts.refused = 0
    await fc.assert(
      fc.asyncProperty(formBody, async ({ contentType, bytes }) => {
        let form: ReturnType<typeof readFormBody>
        try {
          form = readFormBody(bytes, contentType)
        } catch {
          counts.refused++
          return
        }
        counts.accepted++
        const sent = whole(form.forward(form.model, NEW))
        const context = `${contentType}\n${Buffer.from(bytes).toString('latin1')}`
        const type = `multipart/form-data; boundary=${NEW}`
        const all = await Promise.all(readers.map((reader) => reader.read('form', type, sent)))
        for (const [at, found] of all.entries()) {
          const by = `${readers[at]?.name} of ${context}: ${JSON.stringify(found)}`
          expect(found.error, by).toBeUndefined()
          expect(found.model ?? undefined, by).toBe(form.model)
          expect(found.fields?.api_base, by).toBeUndefined()
          // All of them find the same fields and files.
          expect([found.fields ?? {}, found.files ?? {}], by).toEqual([
            all[0]?.fields ?? {},
            all[0]?.files ?? {},
          ])
        }
      }),
      { numRuns: 1500 },
    )
    expect(counts.accepted).toBeGreaterThan(150)
    console.log(`forms: ${counts.accepted} accepted and read alike, ${counts.refused} refused`)
  }, 120_000)
})

/** Now and then an odd one: all at once they would leave nothing to be accepted. */
const mostly = <T>(plain: readonly T[], odd: readonly T[]) =>
  fc.oneof(
    { weight: 14, arbitrary: fc.constantFrom(...plain) },
    { weight: 2, arbitrary: fc.constantFrom(...odd) },
  )

const fieldName = fc.oneof(
  { weight: 14, arbitrary: fc.constantFrom('model', 'file', 'prompt', 'language', 'x[]', 'a b') },
  { weight: 1, arbitrary: judged.chain(spelling) },
  { weight: 1, arbitrary: fc.constantFrom('x[y]', 'a;b', 'a"b', 'a\\b', 'é', '') },
)
const parameter = fc
  .tuple(fieldName, mostly(['quoted', 'quoted', 'bare', 'spaced', 'upper'], ['coded', 'pieces']))
  .map(([text, how]) => {
    switch (how) {
      case 'bare':
        return `name=${text}`
      case 'spaced':
        return `name = "${text}"`
      case 'upper':
        return `NAME="${text}"`
      case 'coded':
        return `name*=utf-8''${encodeURIComponent(text)}`
      case 'pieces':
        return `name*0="${text.slice(0, 2)}"; name*1="${text.slice(2)}"`
      default:
        return `name="${text}"`
    }
  })
const filename = mostly(
  ['', '', '', '; filename="a.wav"', '; filename="x; name=model"', '; filename=a.wav'],
  [
    '; filename="x\\"; name=\\"model"',
    '; filename="x%22; name=%22model"',
    '; filename="C:\\dir\\"',
    '; filename="C:\\dir\\a.wav"',
    "; filename*=utf-8''a.wav",
    '; filename="x"; filename*=utf-8\'\'a%22.wav',
    '; filename="a.wav"; filename="b.wav"',
    '; filename=""',
    '; filename="é.wav"',
    '; name="model"',
  ],
)
const headers = mostly(
  ['', '', '', 'Content-Type: text/plain\r\n', 'Content-Type: audio/wav\r\n', 'X-Other: 1\r\n'],
  [
    'Content-Type: text/plain; charset=utf-16\r\n',
    'Content-Type: multipart/mixed; boundary=C\r\n',
    'Content-Type: x/y; a="b\\"c"\r\n',
    'Content-Transfer-Encoding: quoted-printable\r\n',
    'Content-Transfer-Encoding: base64\r\n',
    'Content-Transfer-Encoding: binary\r\n',
    'Content-Disposition: form-data; name="model"\r\n',
    'Content-Length: 3\r\n',
    ' folded\r\n',
    'Content-Type : text/plain\r\n',
  ],
)
const content = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'cheap',
      'dear',
      'cheap\n',
      ' cheap',
      'cheap\r\n',
      '=64=65=61=72',
      '',
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(
        fc.constantFrom('\r', '\n', '-', '--B', '\r\n--B', '\r\n--BB', '\r\n--BBx', 'é', '\0', 'x'),
        { maxLength: 6 },
      )
      .map((pieces) => pieces.join('')),
  },
)
const formPart = fc
  .tuple(parameter, filename, headers, content, mostly(['\r\n', ' \r\n'], ['\n']), fc.boolean())
  .map(([named, file, more, text, lineEnd, first]) => {
    const disposition = `Content-Disposition: form-data; ${named}${file}`
    const head = first ? `${more}${disposition}\r\n` : `${disposition}\r\n${more}`
    return `--BB${lineEnd}${head}\r\n${text}\r\n`
  })
const formBody = fc
  .record({
    contentType: mostly(
      [
        'multipart/form-data; boundary=BB',
        'multipart/form-data; boundary="BB"',
        'multipart/form-data;boundary=BB;charset=utf-8',
      ],
      [
        'multipart/form-data; boundary=BB; boundary=CC',
        "multipart/form-data; boundary=CC; boundary*=utf-8''BB",
      ],
    ),
    preamble: mostly(['', 'hello\r\n', '\r\n', '--CC\r\n'], ['--BBx\r\n', '--BB\n']),
    parts: fc.array(formPart, { minLength: 1, maxLength: 3 }),
    end: mostly(['--BB--\r\n', '--BB--', '--BB--\r\nepilogue\r\n--BB\r\n'], ['--BB', '']),
  })
  .map(({ contentType, preamble, parts, end }) => ({
    contentType,
    bytes: encoder.encode(`${preamble}${parts.join('')}${end}`),
  }))
