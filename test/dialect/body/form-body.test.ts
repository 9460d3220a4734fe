import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { whole } from '../../../src/gateway/dialect/body/edit.ts'
import { readFormBody } from '../../../src/gateway/dialect/body/form/form-body.ts'

const type = 'multipart/form-data; boundary=BB'
const part = (name: string, value: string, extra = '', headers = '') =>
  `--BB\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n${headers}\r\n${value}\r\n`
const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))
const latin1 = (body: Uint8Array) => Array.from(body, (byte) => String.fromCharCode(byte)).join('')
const form = (...parts: string[]) => bytes(`${parts.join('')}--BB--\r\n`)
const read = (body: Uint8Array, contentType = type) => readFormBody(body, contentType)
const sent = (body: Uint8Array, model: string | undefined, contentType = type) =>
  latin1(whole(read(body, contentType).forward(model, 'NEW')))

describe('a form', () => {
  it('is written anew with its fields in order, its files untouched', () => {
    const body = form(
      part(
        'file',
        '\u00ff\u0000binary\r\n--B',
        '; filename="a.wav"',
        'Content-Type: audio/wav\r\n',
      ),
      part('model', 'gpu/whisper'),
      part('timestamp_granularities[]', 'word'),
      part('timestamp_granularities[]', 'segment'),
    )
    expect(sent(body, 'whisper')).toBe(
      '--NEW\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n\u00ff\u0000binary\r\n--B\r\n' +
        '--NEW\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n' +
        '--NEW\r\nContent-Disposition: form-data; name="timestamp_granularities[]"\r\n\r\nword\r\n' +
        '--NEW\r\nContent-Disposition: form-data; name="timestamp_granularities[]"\r\n\r\nsegment\r\n' +
        '--NEW--\r\n',
    )
  })

  it.each([
    ['text before the first boundary', bytes(`hello\r\n${latin1(form(part('model', 'm')))}`)],
    ['a line break before the first boundary', bytes(`\r\n${latin1(form(part('model', 'm')))}`)],
    ['text after the last one', bytes(`${latin1(form(part('model', 'm')))}bye\r\n--BB`)],
    [
      'a file called as a field',
      form(part('f', 'x', '; filename="x; name=model"'), part('model', 'm')),
    ],
    [
      'a hundred parts',
      form(...Array.from({ length: 100 }, () => part('x', 'y')), part('model', 'm')),
    ],
    ['a model that ends in a line break', form(part('model', 'm\r\n'))],
    [
      'padding after a boundary',
      bytes('--BB \t\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--BB--'),
    ],
    [
      'spaces around "="',
      form(part('x', 'y').replace('name="x"', 'name = "model"').replace('y', 'm')),
    ],
    ['a header of its own in a part', form(part('model', 'm', '', 'X-Custom: 1\r\n'))],
    ['a quoted boundary', form(part('model', 'm'))],
  ])('may have %s', (_what, body) => {
    expect(
      read(body, _what === 'a quoted boundary' ? type.replace('BB', '"BB"') : type).model,
    ).toBe('m')
  })

  it.each([
    ['has no end', bytes(part('model', 'a')), /closing boundary/],
    ['begins with something else', bytes('hello'), /boundary is missing/],
    [
      'has a part whose header does not end',
      bytes(`--BB\r\n${'x'.repeat(9000)}\r\n--BB--`),
      /header/,
    ],
    [
      'has more than a thousand parts',
      form(...Array.from({ length: 1001 }, () => part('x', 'y'))),
      /parts/,
    ],
    ['has two models', form(part('model', 'a'), part('model', 'b')), /given twice/],
    ['has a model in another spelling', form(part('model', 'a'), part('Model', 'b')), /"model"/],
    ['has a list of models', form(part('model[]', 'a')), /"model"/],
    ['has a model with a line break within', form(part('model', 'a\r\nb')), /name of a model/],
    ['has a model that is a file', form(part('model', 'a', '; filename="x"')), /file/],
    ['has a name twice in one part', form(part('x', 'a', '; name="model"')), /one name/],
    ['has a name in RFC 2231 encoding', form(part('x', 'a', "; name*=utf-8''model")), /RFC 2231/],
    [
      'has a name in continued pieces',
      form(part('x', 'a', '; name*0="mo"; name*1="del"')),
      /RFC 2231/,
    ],
    ['has a name with a quote', form(part('a\\"b', 'x')), /name of a part/],
    [
      'has two dispositions',
      form(part('x', 'a', '', 'content-disposition: form-data; name="model"\r\n')),
      /two/,
    ],
    ['has a folded header', form(part('x', 'a', ';\r\n name="model"')), /header line/],
    [
      'has a part in quoted-printable',
      form(part('model', 'a', '', 'Content-Transfer-Encoding: quoted-printable\r\n')),
      /Transfer/,
    ],
    [
      'has a form within',
      form(part('x', 'a', '', 'Content-Type: multipart/mixed; boundary=C\r\n')),
      /form itself/,
    ],
    ['changes its charset', form(part('_charset_', 'utf-16')), /charset/],
    [
      'has a boundary in the middle of a line',
      bytes(`${part('model', 'a')}--BBX\r\n--BB--`),
      /end of its line/,
    ],
    ['steers', form(part('api_base', 'http://evil')), /api_base/],
  ])('is refused where it %s', (_what, body, message) => {
    expect(() => read(body)).toThrow(message)
  })

  it.each([
    'multipart/form-data',
    'multipart/form-data; boundary=BB; boundary=CC',
    "multipart/form-data; boundary=CC; boundary*=utf-8''BB",
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary="B\\"B"',
    'multipart/form-data; boundary=BB; x="',
    `multipart/form-data; boundary=${'B'.repeat(71)}`,
  ])('is refused with the type %s', (contentType) => {
    expect(() => read(form(part('model', 'a')), contentType)).toThrow(/boundary|Content-Type/)
  })

  it('loses of a file name what other parsers trip over', () => {
    const body = form(
      part('f', 'x', '; filename="C:\\\\dir\\\\..\\\\a\\"b.wav"'),
      part('model', 'm'),
    )
    expect(sent(body, 'm')).toContain('name="f"; filename="a%22b.wav"\r\n')
  })

  it('keeps a file name in UTF-8, also where it came encoded', () => {
    const body = form(
      part('f', 'x', '; filename="x"; filename*=UTF-8\'\'%C3%A9.wav'),
      part('model', 'm'),
    )
    expect(sent(body, 'm')).toContain('filename="\u00c3\u00a9.wav"')
  })

  it('drops a charset that some parsers would decode a field by', () => {
    const body = form(part('model', 'm', '', 'Content-Type: text/plain; charset=utf-16\r\n'))
    expect(sent(body, 'm')).not.toContain('charset')
  })

  it('gets the model that was found for it where it names none', () => {
    const made = sent(form(part('prompt', 'x')), 'm')
    expect(made).toContain('name="model"\r\n\r\nm\r\n')
    expect(read(form(part('prompt', 'x'))).model).toBeUndefined()
    expect(sent(form(part('prompt', 'x')), undefined)).not.toContain('name="model"')
  })

  it('says how many answers it wants, and how large its files are', () => {
    const found = read(form(part('n', '3'), part('image', 'x'.repeat(10), '; filename="a.png"')))
    expect(found.bounds).toEqual({ choices: 3 })
    expect(found.files.map(({ size }) => size)).toEqual([10])
    expect(() => read(form(part('n', 'many')))).toThrow(/"n"/)
  })

  it('keeps whatever bytes its files hold', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(13, 10, 45, 66, 0, 255), { maxLength: 60 }),
        (content) => {
          const file = latin1(Uint8Array.from(content))
          const body = form(part('f', file, '; filename="a"'), part('model', 'm'))
          let made = ''
          try {
            made = sent(body, 'm')
          } catch (error) {
            // The content holds the boundary: no reading of it is certain.
            expect(file).toContain('--BB')
            expect(String(error)).toMatch(/form/)
            return
          }
          if (!file.includes('--BB'))
            expect(made).toContain(`filename="a"\r\n\r\n${file}\r\n--NEW\r\n`)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
