import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { HookConfig, RedactConfig } from '../../../src/config/config.ts'
import type { Guarded } from '../../../src/gateway/hooks/guard.ts'
import { createRedactor } from '../../../src/gateway/hooks/redact/redact.ts'
import type { Target } from '../../../src/gateway/http/env.ts'
import type { LogFields } from '../../../src/platform/platform.ts'
import { fakeClock } from '../../support/clock.ts'
import { allKinds, clock, pattern } from './support.ts'

const hookOf = (redact: Partial<RedactConfig> = {}, timeout = 0): HookConfig => ({
  name: 'r',
  url: '',
  apikey: '',
  authorization: 'bearer',
  secret: undefined,
  timeout,
  disabled: false,
  failPolicy: 'fail_open',
  preference: 0,
  redact: { kinds: allKinds, patterns: new Map(), action: 'replace', ...redact },
})

const bytesOf = (json: object) => new TextEncoder().encode(JSON.stringify(json))

const guardedOf = (json: Record<string, unknown> | undefined): Guarded => ({
  target: { body: json && { read: { bytes: bytesOf(json) } } } as unknown as Target,
  facts: {} as Guarded['facts'],
  requestId: 'rid',
  signal: new AbortController().signal,
})

const lines: { evt: string; fields: LogFields | undefined }[] = []
const redactor = createRedactor({
  clock,
  log: (_, evt, fields) => void lines.push({ evt, fields }),
})
const redact = async (json: Record<string, unknown>, config: Partial<RedactConfig> = {}) => {
  const verdict = await redactor(hookOf(config), guardedOf(json))
  if (verdict.action === 'block') return verdict
  if (verdict.action === 'allow') return json
  return JSON.parse(new TextDecoder().decode(verdict.body)) as Record<string, unknown>
}

const mail = 'ana@example.com'
const shown = '[REDACTED:email]'
const picture = 'iVBORw0KGgo'.padEnd(96, 'A')

describe('the texts of a request', () => {
  const parts = { type: 'text', text: `to ${mail}` }
  const clean = { type: 'text', text: `to ${shown}` }
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'OpenAI chat',
      {
        model: mail,
        user: mail,
        messages: [
          {
            role: 'user',
            name: 'a',
            content: [
              parts,
              { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
            ],
          },
          {
            role: 'assistant',
            tool_calls: [
              { id: mail, function: { name: 'send', arguments: `{"to":"${mail}","n":1}` } },
            ],
          },
          { role: 'tool', tool_call_id: mail, content: mail },
        ],
      },
      {
        model: mail,
        user: shown,
        messages: [
          {
            role: 'user',
            name: 'a',
            content: [
              clean,
              { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
            ],
          },
          {
            role: 'assistant',
            tool_calls: [
              { id: mail, function: { name: 'send', arguments: `{"to":"${shown}","n":1}` } },
            ],
          },
          { role: 'tool', tool_call_id: mail, content: shown },
        ],
      },
    ],
    [
      'OpenAI responses',
      {
        instructions: mail,
        input: [
          { role: 'user', content: [{ type: 'input_text', text: mail }] },
          { type: 'function_call_output', call_id: mail, output: mail },
        ],
      },
      {
        instructions: shown,
        input: [
          { role: 'user', content: [{ type: 'input_text', text: shown }] },
          { type: 'function_call_output', call_id: mail, output: shown },
        ],
      },
    ],
    [
      'completions and embeddings',
      { prompt: mail, input: [mail, 'b'] },
      { prompt: shown, input: [shown, 'b'] },
    ],
    [
      'Anthropic',
      {
        system: [parts],
        metadata: { user_id: mail },
        messages: [
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: mail, signature: 's' },
              { type: 'tool_use', id: '1', name: 'x', input: { name: mail, data: mail } },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: mail, content: [parts] },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } },
              { type: 'document', source: { type: 'text', media_type: 'text/plain', data: mail } },
            ],
          },
        ],
      },
      {
        system: [clean],
        metadata: { user_id: shown },
        messages: [
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: mail, signature: 's' },
              { type: 'tool_use', id: '1', name: 'x', input: { name: shown, data: shown } },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: mail, content: [clean] },
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } },
              { type: 'document', source: { type: 'text', media_type: 'text/plain', data: shown } },
            ],
          },
        ],
      },
    ],
    [
      'Gemini',
      {
        systemInstruction: { parts: [{ text: mail }] },
        contents: [
          {
            role: 'user',
            parts: [
              { text: mail },
              { inlineData: { mimeType: 'image/png', data: picture } },
              { functionResponse: { name: 'f', response: { id: mail } } },
            ],
          },
        ],
      },
      {
        systemInstruction: { parts: [{ text: shown }] },
        contents: [
          {
            role: 'user',
            parts: [
              { text: shown },
              { inlineData: { mimeType: 'image/png', data: picture } },
              { functionResponse: { name: 'f', response: { id: shown } } },
            ],
          },
        ],
      },
    ],
    [
      'Bedrock’s Converse',
      {
        system: [{ text: mail }],
        messages: [
          {
            role: 'user',
            content: [
              { text: mail },
              { toolResult: { toolUseId: 't', content: [{ json: { id: mail } }] } },
              { toolUse: { toolUseId: 't', name: 'n', input: { type: mail } } },
            ],
          },
        ],
      },
      {
        system: [{ text: shown }],
        messages: [
          {
            role: 'user',
            content: [
              { text: shown },
              { toolResult: { toolUseId: 't', content: [{ json: { id: shown } }] } },
              { toolUse: { toolUseId: 't', name: 'n', input: { type: shown } } },
            ],
          },
        ],
      },
    ],
    [
      'a dialect that is not known',
      { surprise: { note: [mail] } },
      { surprise: { note: [shown] } },
    ],
  ])('in %s are cleaned, and nothing else', async (_, body, expected) => {
    expect(await redact(body)).toEqual(expected)
  })
})

describe('redaction', () => {
  const key = `AKIA${'Q'.repeat(16)}`

  it.each([
    [`data:text/plain;base64,AAAA is how it begins… mail ${mail}, key ${key}`],
    [`data:image/png;base64,${picture} ${mail}`],
    [`data:;base64,${mail}`],
    // To a model it is a text, whatever it would be to a browser.
    [`data:text/plain;base64,${key}`],
    [`data:;base64,${key}${'A'.repeat(80)}/${key}`],
  ])('reads a text that only begins like a file: %s', async (text) => {
    const clean = (await redact({ messages: [{ role: 'user', content: text }] })) as object
    expect(JSON.stringify(clean)).not.toContain(mail)
    expect(JSON.stringify(clean)).not.toContain(key)
  })

  it('takes a key that stands alone where a file could be for what it is', async () => {
    const long = `sk-proj-${'aB3_'.repeat(39)}`
    const source = (data: string) => ({ type: 'base64', media_type: 'text/plain', data })
    const said = async (data: string) =>
      redact({
        messages: [{ role: 'user', content: [{ type: 'document', source: source(data) }] }],
      })
    expect(JSON.stringify(await said(long))).not.toContain(long)
    expect(JSON.stringify(await said(picture))).toContain(picture)
  })

  it('leaves files alone in which a key seems to stand, wherever dialects and tools put them', async () => {
    // diegosouzapw/OmniRoute#13462, NousResearch/hermes-agent#94138: a picture that happens to hold the mark of a key.
    const file = `${'iVBORw0KGgo'.padEnd(600, 'A')}/AIza${'Sy0'.repeat(11)}ab+${'B'.repeat(100)}`
    const body = {
      messages: [
        { role: 'user', content: 'what is it?', images: [file] },
        { role: 'user', content: [{ type: 'file', file: { file_data: file, filename: 'a.pdf' } }] },
        {
          role: 'user',
          content: [{ type: 'input_audio', input_audio: { data: file, format: 'wav' } }],
        },
      ],
      image: file,
      input: [
        {
          type: 'function_call',
          call_id: 'c',
          name: 'f',
          arguments: JSON.stringify({ shot: file }),
        },
        { type: 'input_image', image_url: `data:image/png;base64,${file}` },
      ],
    }
    expect(await redact(body)).toEqual(body)
  })

  it('reads what only looks like a name or a reference by its key', async () => {
    const body = {
      messages: [
        {
          role: 'user',
          content: [{ type: 'x', x_id: { note: mail }, name: [mail], status: { of: mail } }],
        },
      ],
    }
    expect(JSON.stringify(await redact(body))).not.toContain(mail)
  })

  it('reads numbers in documents, and a card that some program made a fraction of', async () => {
    const documents = [{ id: 'd', data: { card: 4111111111111111 } }]
    const text = '{"card": 4111111111111111.0, "price": 12345678.5}'
    const call = { type: 'function_call', call_id: 'c', name: 'pay', arguments: text }
    const clean = JSON.stringify(await redact({ documents, input: [call] }))
    expect(clean).not.toContain('4111111111111111')
    expect(clean).toContain('12345678.5')
  })

  it('leaves the servers of tools their tokens, which the provider needs', async () => {
    const mcp_servers = [
      { type: 'url', url: 'https://mcp.example.com', name: 'x', authorization_token: key },
    ]
    const body = { mcp_servers, messages: [{ role: 'user', content: 'hi' }] }
    expect(await redact(body)).toEqual(body)
  })

  it('finds what stands in numbers, names and settings, and in small letters', async () => {
    const card = '4111111111111111'
    const body = {
      user: mail,
      metadata: { team: mail },
      stop: [mail],
      safety_identifier: mail,
      messages: [
        { role: 'user', content: 'de89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000' },
        {
          role: 'user',
          content: '4111\u202f1111\u202f1111\u202f1111 and +1\u00a0415\u00a0555\u00a02671',
        },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'x', name: 'y', input: { n: Number(card), [mail]: 1 } },
          ],
        },
      ],
    }
    const clean = JSON.stringify(await redact(body))
    for (const secret of [mail, card, '3704', '1111', '2671']) expect(clean).not.toContain(secret)
  })

  it('changes what it found, and not a byte beside', async () => {
    const before = `{"seed": 9007199254740993, "x":"\\u00e9", "prompt":"to ${mail}" ,"y":1.0}`
    const verdict = await redactor(hookOf(), {
      ...guardedOf({}),
      target: {
        body: { read: { bytes: new TextEncoder().encode(before) } },
      } as unknown as Target,
    })
    expect(verdict.action === 'modify' && new TextDecoder().decode(verdict.body)).toBe(
      before.replace(mail, shown),
    )
  })

  it('says in the log what was found and never which', async () => {
    lines.length = 0
    await redact({ prompt: `${mail} and 4111 1111 1111 1111 and ${mail}` })
    expect(lines).toEqual([
      { evt: 'hook.redacted', fields: { rid: 'rid', hook: 'r', found: 'email:2 credit_card:1' } },
    ])
  })

  it('takes patterns of one’s own, under one’s own names', async () => {
    const patterns = new Map([['ticket', pattern('ACME-[0-9]{4}')]])
    expect(await redact({ prompt: 'ACME-1234' }, { kinds: [], patterns })).toEqual({
      prompt: '[REDACTED:ticket]',
    })
  })

  it('hides both of two that overlap', async () => {
    const patterns = new Map([
      ['one', pattern('abc')],
      ['two', pattern('cde')],
    ])
    expect(await redact({ prompt: 'xabcdex' }, { kinds: [], patterns })).toEqual({
      prompt: 'x[REDACTED:one]x',
    })
  })

  it('blocks where it is told to, naming the kinds', async () => {
    expect(await redact({ prompt: mail }, { action: 'block' })).toEqual({
      action: 'block',
      status: 403,
      message: 'request blocked by guardrail: it holds email',
    })
    expect(await redact({ prompt: 'nothing' }, { action: 'block' })).toEqual({ prompt: 'nothing' })
  })

  it('cannot judge a form, nor more text than it reads', async () => {
    await expect(redactor(hookOf(), guardedOf(undefined))).rejects.toThrow('form')
    const prompt = 'x'.repeat(8 * 1024 * 1024 + 1)
    await expect(redactor(hookOf(), guardedOf({ prompt }))).rejects.toThrow('too_much_text')
  })

  it('gives up when its time is over, in the middle of a text', async () => {
    const slow = fakeClock()
    const late = createRedactor({
      clock: {
        ...slow,
        elapsed: () => {
          slow.advance(1)
          return slow.elapsed()
        },
      },
      log: () => {},
    })
    const patterns = new Map([['p', pattern('[a-z]{1,60}@')]])
    const hook = hookOf({ kinds: [], patterns }, 20)
    const prompt = 'a'.repeat(1_000_000)
    await expect(late(hook, guardedOf({ prompt }))).rejects.toThrow('timeout')
    await expect(late(hook, guardedOf({ prompt: 'short' }))).resolves.toEqual({ action: 'allow' })
  })

  it('lets others have their turn while it works', async () => {
    const patterns = new Map([['p', pattern('(?:[a-z]{1,60})+@')]])
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await redact({ prompt: 'a'.repeat(100_000) }, { kinds: [], patterns })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })

  const secrets = [mail, '4111 1111 1111 1111', 'DE89 3704 0044 0532 0130 00', '+14155552671']
  const piece = fc.oneof(
    fc.constantFrom(...secrets, shown, '[REDACTED:', ']', 'REDACTED', 'a', '1', ' ', '@', '.', '-'),
    fc.string({ maxLength: 5 }),
    fc.string({ unit: 'grapheme', maxLength: 3 }),
  )
  const prompt = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  const own = new Map([
    ['upper', pattern('[A-Z]{3,}')],
    ['edge', pattern('^a|a$|\\bz')],
    ['colon', pattern(':[a-z]+')],
  ])

  it('done twice finds nothing the second time, and no text makes it fail', async () => {
    await fc.assert(
      fc.asyncProperty(prompt, async (text) => {
        const once = await redact({ prompt: text }, { patterns: own })
        expect(await redact(once as Record<string, unknown>, { patterns: own })).toEqual(once)
      }),
      { numRuns: 1500 },
    )
  })

  it('leaves none of what it looks for', async () => {
    await fc.assert(
      fc.asyncProperty(
        prompt,
        fc.constantFrom(...secrets),
        prompt,
        async (before, secret, after) => {
          const { prompt: clean } = (await redact({ prompt: `${before} ${secret} ${after}` })) as {
            prompt: string
          }
          expect(clean).not.toContain(` ${secret} `)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('survives any JSON, and changes nothing where there is nothing to find', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (body) => {
        const json = JSON.parse(JSON.stringify(body)) as Record<string, unknown>
        const result = await redact(json, { kinds: ['private_key'] })
        expect(result).toEqual(json)
      }),
      { numRuns: 500 },
    )
  })
})
