import { describe, expect, it } from 'vitest'
import { findModelPart, withModel } from '../../src/dialect/multipart-body.ts'

const type = 'multipart/form-data; boundary=BB'
const part = (name: string, value: string, extra = '') =>
  `--BB\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n${value}\r\n`
const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))
const form = (...parts: string[]) => bytes(`${parts.join('')}--BB--\r\n`)

describe('findModelPart', () => {
  it('finds the model among files', () => {
    const body = form(
      part('file', '\u00ff\u0000binary', '; filename="../../x"'),
      part('model', 'whisper'),
    )
    expect(findModelPart(body, type).model).toBe('whisper')
  })

  it('puts another name in its place and leaves every other byte alone', () => {
    const body = form(part('model', 'gpu/whisper'), part('file', '\u00ff\u00fe', '; filename="x"'))
    const changed = withModel(body, findModelPart(body, type), 'whisper')
    expect([...changed]).toEqual([
      ...form(part('model', 'whisper'), part('file', '\u00ff\u00fe', '; filename="x"')),
    ])
  })

  it.each([
    ['has no model', form(part('file', 'x'))],
    ['has two models', form(part('model', 'a'), part('model', 'b'))],
    ['has no end', bytes(part('model', 'a'))],
    ['begins with something else', bytes('hello')],
    ['has a part without an end of its header', bytes(`--BB\r\n${'x'.repeat(9000)}\r\n--BB--`)],
    ['has too many parts', form(...Array.from({ length: 70 }, () => part('x', 'y')))],
    ['has a model with a line break', form(part('model', 'a\r\nb'))],
  ])('refuses a form that %s', (_what, body) => {
    expect(() => findModelPart(body, type)).toThrow(/form|model/)
  })

  it('refuses a form without a boundary', () => {
    expect(() => findModelPart(form(part('model', 'a')), 'multipart/form-data')).toThrow(/boundary/)
  })
})
