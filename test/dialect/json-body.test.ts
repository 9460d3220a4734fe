import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJsonBody } from '../../src/dialect/json-body.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (body: Uint8Array) => new TextDecoder().decode(body)
const parse = (value: unknown) => parseJsonBody(bytes(JSON.stringify(value)))

describe('parseJsonBody', () => {
  it('forwards the very bytes when nothing has to change', () => {
    const body = bytes('{ "model":"m", "seed": 12345678901234567890, "x": 1.0 }')
    expect(parseJsonBody(body).forward('m', false)).toBe(body)
  })

  it('asks for usage by one insertion, leaving every other byte alone', () => {
    const body = parseJsonBody(bytes('{ "model":"m","stream":true,"seed":12345678901234567890}'))
    expect(text(body.forward('m', true))).toBe(
      '{"stream_options":{"include_usage":true}, "model":"m","stream":true,"seed":12345678901234567890}',
    )
  })

  it.each([null, { include_usage: false }, { other: 1 }])(
    'asks for usage when stream_options is %j',
    (stream_options) => {
      const body = parse({ model: 'm', stream: true, stream_options })
      expect(body.usageAsked).toBe(false)
      expect(JSON.parse(text(body.forward('m', true)))).toEqual({
        model: 'm',
        stream: true,
        stream_options: { ...stream_options, include_usage: true },
      })
    },
  )

  it('notices that the client asked for usage itself', () => {
    const body = parse({ model: 'm', stream: true, stream_options: { include_usage: true } })
    expect(body.usageAsked).toBe(true)
  })

  it('replaces the model when the upstream knows it by another name', () => {
    const body = parse({ model: 'gpu/m', messages: [] })
    expect(JSON.parse(text(body.forward('m', false)))).toEqual({ model: 'm', messages: [] })
  })

  it('sends upstream the model that was checked, however the body spells another one', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('"model"', '"m\\u006fdel"', '"\\u006dodel"', '"model" '),
        fc.boolean(),
        (key, first) => {
          const pair = `${key}:"stolen"`
          const body = first ? `{${pair},"model":"mine"}` : `{"model":"mine",${pair}}`
          const parsed = parseJsonBody(bytes(body))
          const sent = text(parsed.forward(parsed.model, false))
          // Any reader, first-wins or last-wins, finds one model: the one that was parsed.
          expect(sent.match(/"model"/g)).toHaveLength(1)
          expect(JSON.parse(sent).model).toBe(parsed.model)
        },
      ),
    )
  })

  it.each([undefined, 7, [], {}, null, '', ' gpt-4 ', 'x'.repeat(257), '../x', 'a\nb', 'a\u0000'])(
    'refuses the model %j',
    (model) => {
      expect(() => parse({ model })).toThrow(/"model"/)
    },
  )

  it.each(['', '[1]', '"x"', '{"model":', 'null', '{"model":"m"}}'])(
    'refuses the body %j',
    (body) => {
      expect(() => parseJsonBody(bytes(body))).toThrow(/body/)
    },
  )

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseJsonBody(new Uint8Array([0x7b, 0xff, 0x7d]))).toThrow(/UTF-8/)
  })

  it.each(['api_base', 'base_url', 'api_key', 'extra_headers', 'custom_llm_provider'])(
    'refuses the field %s, which would choose its own destination',
    (field) => {
      expect(() => parse({ model: 'm', [field]: 'http://evil' })).toThrow(field)
    },
  )

  it.each(['-1', '0', '1.5', '"100"', '1000000000', '1e400'])('refuses max_tokens %s', (value) => {
    expect(() => parseJsonBody(bytes(`{"model":"m","max_tokens":${value}}`))).toThrow(/max_tokens/)
  })
})
