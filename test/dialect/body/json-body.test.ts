import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { whole } from '../../../src/gateway/dialect/body/edit.ts'
import {
  asAsked,
  forwarded,
  type JsonBody,
  readEdited,
} from '../../../src/gateway/dialect/body/json-body.ts'
import { computed } from '../../support/computed.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (body: Uint8Array) => new TextDecoder().decode(body)
const chat = { modelInPath: false, streams: false }
const read = (body: string, options = chat): JsonBody => readEdited(bytes(body), options)
const parse = (value: unknown) => read(JSON.stringify(value))
const sent = (body: JsonBody, model: string | undefined, askUsage = false) =>
  text(whole(forwarded(body, { model, askUsage })))

describe('a JSON body', () => {
  it('is forwarded as the very bytes that came when nothing has to change', () => {
    const body = read('{ "model":"m", "seed": 12345678901234567890, "x": 1.0 }')
    expect(forwarded(body, { model: 'm', askUsage: false })).toBe(body.bytes)
  })

  it('loses a byte order mark, which most parsers refuse', () => {
    expect(sent(read('\ufeff{"model":"m"}'.replace('\ufeff', '')), 'm')).toBe('{"model":"m"}')
  })

  it('keeps digits, key order and escapes when the model gets another name', () => {
    const body = read(
      '{"seed":9007199254740993,"tools":[{"function":{"parameters":{"model":{"enum":[1e400]}}}}],' +
        '"z":"\\u00e9\\/" ,"model": "gpu/m" ,"a":-0.0}',
    )
    expect(sent(body, 'm')).toBe(
      '{"seed":9007199254740993,"tools":[{"function":{"parameters":{"model":{"enum":[1e400]}}}}],' +
        '"z":"\\u00e9\\/" ,"model": "m" ,"a":-0.0}',
    )
  })

  it('gets the option for usage by one insertion, every other byte untouched', () => {
    const body = read('{ "model":"m","stream":true,"seed":12345678901234567890}')
    expect(sent(body, 'm', true)).toBe(
      '{"stream_options":{"include_usage":true}, "model":"m","stream":true,"seed":12345678901234567890}',
    )
  })

  it.each([
    ['null', '{"include_usage":true}'],
    ['{}', '{"include_usage":true}'],
    ['{"include_usage":false, "x":1e2}', '{"include_usage":true, "x":1e2}'],
    ['{ "other":1 }', '{"include_usage":true, "other":1 }'],
  ])('gets the option for usage into stream_options %s', (options, expected) => {
    const body = read(`{"model":"m","stream":true,"stream_options":${options}}`)
    expect(body.usageAsked).toBe(false)
    expect(sent(body, 'm', true)).toBe(`{"model":"m","stream":true,"stream_options":${expected}}`)
  })

  it('shows that the client asked for usage itself', () => {
    const body = parse({ model: 'm', stream: true, stream_options: { include_usage: true } })
    expect(body.usageAsked).toBe(true)
  })

  it('gets the model that was found for it where it names none', () => {
    expect(sent(read('{"input":"x"}'), 'm')).toBe('{"model":"m","input":"x"}')
    expect(sent(read('{}'), 'm')).toBe('{"model":"m"}')
    expect(sent(read('{"model":null,"input":1}'), 'm')).toBe('{"model":"m","input":1}')
    expect(sent(read('{"input":"x"}'), undefined)).toBe('{"input":"x"}')
  })

  it('says nothing of the answer’s length with −1, and 0 with 0', () => {
    expect(parse({ model: 'm', max_tokens: -1 }).bounds).toEqual({ choices: 1 })
    expect(parse({ model: 'm', max_tokens: 0 }).bounds).toEqual({ choices: 1, maxOutput: 0 })
    expect(parse({ model: 'm', max_tokens: 5, n: 3, best_of: 0 }).bounds).toEqual({
      choices: 3,
      maxOutput: 5,
    })
  })

  it('is bounded by the largest of several limits, however deep its dialect has them', () => {
    const gemini =
      '{"generationConfig":{"maxOutputTokens":7,"candidateCount":2},"x":{"maxTokens":9}}'
    expect(read(gemini, { modelInPath: true, streams: false }).bounds).toEqual({
      choices: 2,
      maxOutput: 7,
    })
    const twice = '{"model":"m","options":{"num_predict":3,"num_predict":40}}'
    expect(read(twice).bounds.maxOutput).toBe(40)
  })
})

describe('the model of a JSON body', () => {
  it.each([7, [], {}, '', ' gpt-4 ', 'x'.repeat(257), '../x', 'a\nb', 'a\u0000', '\ud800', true])(
    'is refused where it is %j',
    (model) => {
      expect(() => parse({ model })).toThrow(/"model"/)
    },
  )

  it('may be spelled with escapes, and leaves as it came', () => {
    const body = read('{"model":"qw\\u0065n"}')
    expect(body.model).toBe('qwen')
    expect(sent(body, 'qwen')).toBe('{"model":"qw\\u0065n"}')
  })
})

describe('a field that another parser would read differently', () => {
  it.each([
    ['{"model":"cheap","model":"dear"}', /given twice/],
    ['{"model":"cheap","Model":"dear"}', /mean the same/],
    ['{"model":"cheap","m\\u006fdel":"dear"}', /given twice/],
    ['{"MODEL":"dear"}', /"model"/],
    ['{"model":"cheap","model\\u0000":"dear"}', /same/],
    ['{"model":"cheap"," model":"dear"}', /same/],
    ['{"model":"m","\\u017ftream":true}', /stream/],
    ['{"model":"m","max_to\\u212aens":1}', /max_tokens/],
    ['{"model":"m","maxTokens":100000}', /max_tokens/],
    ['{"model":"m","Messages":[]}', /messages/],
    ['{"model":"m","n":1,"N":9}', /same/],
    ['{"model":"m","messages":[],"messages":[]}', /given twice/],
    ['{"model":"m","x":1,"X":2}', /same/],
    ['{"model":"m","API_BASE":"http://evil"}', /api_base/],
    [
      '{"model":"m","stream":true,"stream_options":{"include_usage":true,"Include_Usage":false}}',
      /same/,
    ],
    ['{"model":"m","stream":"true"}', /stream/],
    ['{"model":"m","stream":1}', /stream/],
  ])('is refused: %s', (body, message) => {
    expect(() => read(body)).toThrow(message)
  })

  it('is found in whatever spelling folds to the name of a judged one', () => {
    const spelled = fc
      .tuple(
        fc.constantFrom('model', 'stream', 'max_tokens', 'n', 'tools', 'api_key', 'messages'),
        fc.array(fc.nat(3), { minLength: 12, maxLength: 12 }),
      )
      .map(([name, how]) =>
        [...name]
          .map((letter, at) => {
            if (how[at] === 1) return letter.toUpperCase()
            if (how[at] === 2 && letter === 's') return '\u017f'
            if (how[at] === 2 && letter === 'k') return '\u212a'
            return letter
          })
          .join(''),
      )
    fc.assert(
      fc.property(spelled, fc.boolean(), (name, first) => {
        fc.pre(name !== name.toLowerCase() || /[\u017f\u212a]/.test(name))
        const pair = `${JSON.stringify(name)}:"x"`
        const rest = '"model":"mine","stream":false'
        expect(() => read(first ? `{${pair},${rest}}` : `{${rest},${pair}}`)).toThrow()
      }),
    )
  })

  it.each(['generation_config', 'systemInstruction', 'safetySettings', 'toolConfig', 'maxTokens'])(
    'is not the dialect’s own field %s where the path names the model',
    (name) => {
      const body = `{"contents":[],"${name}":{}}`
      expect(() => read(body, { modelInPath: true, streams: false })).not.toThrow()
    },
  )
})

describe('a body that is not JSON', () => {
  it.each([
    '',
    '[1]',
    '"x"',
    '{"model":',
    'null',
    '{"model":"m"}}',
    '{"model":"m",}',
    '{model:"m"}',
    "{'model':'m'}",
    '{"model":"m" // x\n}',
    '{"x":01}',
    '{"x":1.}',
    '{"x":.5}',
    '{"x":+1}',
    '{"x":NaN}',
    '{"x":tru}',
    '{"x":"\n"}',
    '{"x":"\\x41"}',
    '{"x":"\\u12g4"}',
    '{"x":[1,]}',
    '{"x"}',
    '{"x":1 "y":2}',
    '{"x":"',
  ])('is refused: %j', (body) => {
    expect(() => read(body)).toThrow(/body/)
  })

  it.each([
    [0xff],
    [0xc0, 0xaf],
    [0xe0, 0x80, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
    [0x80],
  ])('is refused where a string holds the bytes %j, which are not UTF-8', (...wrong) => {
    const around = bytes('{"x":""}')
    const body = Uint8Array.from([...around.subarray(0, 6), ...wrong, ...around.subarray(6)])
    expect(() => readEdited(body, chat)).toThrow(/UTF-8/)
  })

  it('is refused where it is nested deeper than parsers of model servers follow', () => {
    const nested = (depth: number) => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`
    expect(() => read(nested(127))).not.toThrow()
    expect(() => read(nested(128))).toThrow(/nested/)
  })

  it('is refused where it holds more values than any prompt', () => {
    expect(() => read(`{"x":[${'[],'.repeat(1_000_000)}[]]}`)).toThrow(/values/)
  })

  it.each(['valueOf', 'constructor', 'toString', 'hasOwnProperty'])(
    'may have a field called %s, which is one like any other',
    (name) => {
      for (const value of [['x'], { a: 'x' }, 'x']) {
        const body = read(JSON.stringify({ model: 'm', [name]: value }))
        expect(body.otherModels.names).toEqual([])
        expect(body.bounds).toEqual({ choices: 1 })
        expect({ ...body.pricingHints }).toEqual({})
      }
    },
  )

  it('agrees with JSON.parse on what is JSON and where its members stand', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ maxLength: 12 }).filter((name) => !/model|^n$/i.test(name)),
          fc.jsonValue({ maxDepth: 4 }),
          { maxKeys: 6 },
        ),
        fc.constantFrom(undefined, 1),
        (value, indent) => {
          const body = JSON.stringify({ model: 'm', ...value }, null, indent)
          let parsed: JsonBody
          try {
            parsed = read(body)
          } catch (error) {
            // A name that folds to another's, or that is judged.
            expect(String(error)).toMatch(/field/)
            return
          }
          for (const { name, start, end } of parsed.members) {
            const found = JSON.parse(text(parsed.bytes.subarray(start, end)))
            const all: Record<string, unknown> = JSON.parse(body)
            expect(found).toEqual(all[name])
          }
        },
      ),
    )
  })

  it('is refused whenever JSON.parse refuses it, and read whenever that reads an object', () => {
    const good = JSON.stringify({ a: [1.5e-7, -0, true, null, 'é\u2028\n\\'], b: { c: {} } })
    fc.assert(
      fc.property(
        fc.nat(good.length),
        fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '0', '-', 'e', '.', '\\', ' ', 'n'),
        fc.nat(2),
        (at, insert, drop) => {
          const body = good.slice(0, at) + insert + good.slice(at + drop)
          let valid: unknown
          try {
            valid = JSON.parse(body)
          } catch {}
          const isObject = typeof valid === 'object' && valid !== null && !Array.isArray(valid)
          let refused = ''
          try {
            read(body)
          } catch (error) {
            refused = String(error)
          }
          if (isObject) expect(refused).toMatch(/^$|twice|same|field/)
          else expect(refused).not.toBe('')
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('fields that would choose their own destination', () => {
  it.each([
    'api_base',
    'base_url',
    'baseurl',
    'api_key',
    'endpoint',
    'extra_headers',
    'custom_llm_provider',
    'aws_sts_endpoint',
    'vertex_credentials',
    'langfuse_host',
  ])('are refused: %s', (field) => {
    expect(() => parse({ model: 'm', [field]: 'http://evil' })).toThrow(field)
  })
})

describe('counts', () => {
  it.each(['-2', '1.5', '"100"', '1000000000', '1e400', '[]', 'true'])(
    'are refused: max_tokens %s',
    (value) => {
      expect(() => read(`{"model":"m","max_tokens":${value}}`)).toThrow(/max_tokens/)
    },
  )

  it.each(['-1', '0', '1', 'null', '100000000'])('pass: max_tokens %s', (value) => {
    expect(() => read(`{"model":"m","max_tokens":${value},"best_of":${value}}`)).not.toThrow()
  })
})

describe('models that a body names beside its own', () => {
  const names = (body: object) => parse({ model: 'm', ...body }).otherModels

  it.each([
    [{ models: ['a/b', 'c'] }, ['a/b', 'c']],
    [{ fallbacks: ['x', { model: 'y', messages: [{ role: 'user', content: 'no' }] }] }, ['x', 'y']],
    [{ fallbacks: [{ 'gpt-4': ['gpt-3.5', 'z'] }] }, ['gpt-3.5', 'z']],
    [{ fallback_models: ['f'] }, ['f']],
    [{ draft_model: 'tiny' }, ['tiny']],
    [{ safety_model: 'guard' }, ['guard']],
    [{ tools: [{ type: 'image_generation', model: 'gpt-image-1' }] }, ['gpt-image-1']],
    [{ tools: [{ type: 'x', parameters: { model: 'p' } }] }, ['p']],
    [{ providerOptions: { gateway: { models: ['v/w'], order: ['azure'] } } }, ['v/w']],
    [{ plugins: [{ id: 'auto-router', allowed_models: ['q/*'] }] }, ['q/*']],
    [{ models: 'x' }, ['x']],
    [{ models: [['x'], { name: 'y' }] }, ['x', 'y']],
    [{ fallbacks: 'x' }, ['x']],
    [{ fallbacks: { 'up/m': ['x'] } }, ['x']],
    [{ fallbacks: [{ 'vendor/m': ['x'] }, { '*': ['y'] }, { 'a:b': 'z' }] }, ['x', 'y', 'z']],
    [{ context_window_fallbacks: [{ 'v/m': [{ model: 'x' }] }] }, ['x']],
    [{ draft_model: ['x'] }, ['x']],
    [{ Fallbacks: ['x'] }, ['x']],
    [{ fall_backs: ['x'] }, ['x']],
    [{ fallbackModels: 'x' }, ['x']],
    [{ 'draft-model': 'x' }, ['x']],
    [{ provider_options: { a: { b: { c: { d: { e: { f: { models: ['x'] } } } } } } } }, ['x']],
    [{ tools: [{ type: 'x', parameters: { worker_model: 'x' } }] }, ['x']],
    [{ compoundCustom: { models: { 'a-b/c': 'x' } } }, ['x']],
    [{ extra_body: { model: 'x' } }, ['x']],
    [{ modelId: 'x' }, ['x']],
    [{ draft_model: { id: 'x' } }, ['x']],
    [{ litellm_metadata: { model_group: 'x' } }, ['x']],
    [{ requests: [{ model: 'models/x', content: { model: 'no' } }] }, ['models/x']],
    [{ generateContentRequest: { model: 'models/x', contents: [] } }, ['models/x']],
    [{ compound_custom: { models: { reasoning_model: 'r', answering_model: 's' } } }, ['r', 's']],
  ])('are found in %j', (body, expected) => {
    expect(names(body).names).toEqual(expected)
  })

  it('are found however the names of the fields that hold them are spelled', () => {
    const body = read('{"model":"m","tools":[{"type":"x","mo\\u0064el":"a","Model":"b"}]}')
    expect(body.otherModels.names).toEqual(['a', 'b'])
  })

  it('are not what a tool’s schema calls a model', () => {
    const parameters = { type: 'object', properties: { model: { type: 'string', enum: ['no'] } } }
    const tools = [{ type: 'function', function: { name: 'model', parameters } }]
    expect(names({ tools }).names).toEqual([])
    const schema = { type: 'object', properties: { models: { type: 'array', description: 'no' } } }
    const responses = [{ type: 'function', name: 'x', parameters: schema }]
    expect(names({ tools: responses }).names).toEqual([])
    expect(names({ generationConfig: { responseSchema: schema } }).names).toEqual([])
    expect(names({ response_format: { model: 'no' }, metadata: { model: 'no' } }).names).toEqual([])
    expect(names({ provider: { allow_fallbacks: true, order: ['azure'] } }).names).toEqual([])
  })

  it('cannot be told in fields of a router’s own configuration', () => {
    expect(names({ preset: 'mine' }).unreadable).toBe('preset')
    expect(names({ router_settings_override: {} }).unreadable).toBe('router_settings_override')
    expect(names({ user_config: { model_list: [] } }).unreadable).toBe('user_config')
    expect(names({ extra_body: { modelList: [{ a: 'x' }] } }).unreadable).toBe('extra_body')
    expect(names({ Preset: 'mine' }).unreadable).toBe('Preset')
    expect(() => names({ extra_body: { api_base: 'http://evil' } })).toThrow(/gateway/)
    expect(() => names({ fallbacks: [`${' '.repeat(1200)}x`] })).toThrow(/names of models/)
    expect(() => names({ models: Array.from({ length: 300 }, (_, i) => `m${i}`) })).toThrow(/200/)
    expect(() => names({ models: Array.from({ length: 60_000 }, () => 'm') })).toThrow(/50000/)
  })
})

describe('files in a body', () => {
  const png = `iVBORw0KGgo${'A'.repeat(2000)}`
  const part = (value: object) => ({ model: 'm', messages: [{ role: 'user', content: [value] }] })

  it.each([
    [part({ type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } })],
    [part({ type: 'image', source: { type: 'base64', data: png } })],
    [{ model: 'm', images: [png] }],
    [part({ inlineData: { mimeType: 'image/png', data: png } })],
  ])('are found where a dialect has them', (body) => {
    const [file, ...more] = parse(body).files()
    expect(more).toEqual([])
    expect(file?.size).toBe(Math.floor((png.length * 3) / 4))
    expect([...(file?.head(8) ?? [])]).toEqual([137, 80, 78, 71, 13, 10, 26, 10])
  })

  it.each([
    [part({ type: 'text', text: png })],
    [part({ type: 'image', source: { data: `${png} and now a text that is none` } })],
    [part({ type: 'image_url', image_url: { url: `https://example.com/${png}` } })],
  ])('are nothing else that is long', (body) => {
    const files = parse(body).files()
    expect(files.length === 0 || files[0]!.size > 0).toBe(true)
    expect(parse(part({ type: 'text', text: png })).files()).toEqual([])
  })
})

describe('a body that a guard made', () => {
  const changed = (before: string, after: string) =>
    text(asAsked(read(before), bytes(after), chat).bytes)

  it('keeps the model and the stream that the client asked for, and the guard’s own digits', () => {
    expect(
      changed(
        '{"model":"m","stream":true,"seed":1}',
        '{"model":"x","stream":false,"seed":9007199254740993}',
      ),
    ).toBe('{"model":"m","stream":true,"seed":9007199254740993}')
    expect(changed('{"model":"m","messages":[]}', '{"messages":[1],"stream":true}')).toBe(
      '{"model":"m","messages":[1]}',
    )
    expect(changed('{"model":"m"}', '{ "stream":true, "model":"m" }')).toBe('{ "model":"m" }')
  })

  it('must be one that could be sent', () => {
    expect(() => asAsked(read('{"model":"m"}'), bytes('{"model":1}'), chat)).toThrow()
    expect(() => asAsked(read('{"model":"m"}'), bytes('[]'), chat)).toThrow()
  })
})

describe('a body with far too much in one field', () => {
  it('makes nothing of a long number', () => {
    const body = bytes(`{"model":"m","x":${'9'.repeat(10_000_000)}}`)
    const before = computed()
    expect(readEdited(body, chat).bounds).toEqual({ choices: 1 })
    // A second and a gigabyte, when a text was made of it.
    expect(computed() - before).toBeLessThan(400)
  })

  it.each(['options', 'service_tier', 'models'])('is refused: %s', (field) => {
    const many = `[${'"m",'.repeat(60_000)}"m"]`
    const value = field === 'options' ? `{"a":${many}}` : many
    expect(() => read(`{"model":"m","${field}":${value}}`)).toThrow(/50000 values/)
  })
})
