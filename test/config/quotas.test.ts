import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAmount, parseAmount, parseQuota } from '../../src/config/values/quota-text.ts'
import { said, told, valid } from './read.ts'

describe('an amount', () => {
  it.each([
    ['$10.00', 'dollars', 10_000_000_000],
    ['$0.000000001', 'dollars', 1],
    ['$0', 'dollars', 0],
    ['2M tokens', 'tokens', 2_000_000],
    ['1.5k tokens', 'tokens', 1500],
    ['1 request', 'requests', 1],
    ['500 requests', 'requests', 500],
    ['2h compute', 'compute', 7_200_000],
    ['0 compute', 'compute', 0],
    ['4 concurrent', 'concurrent', 4],
  ])('is read: %s', (text, unit, amount) => {
    expect(parseAmount(text)).toEqual({ unit, amount })
  })

  it.each(['', '10', '10$', '-$1.00', '$1,000', '$.5', '1e3 tokens', '5 apples', '$99999999999'])(
    'is none: %j',
    (text) => {
      expect(parseAmount(text)).toBeUndefined()
    },
  )

  it('of dollars is written so that it reads as the same again', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (amount) => {
        expect(parseAmount(formatAmount({ unit: 'dollars', amount }))?.amount).toBe(amount)
      }),
    )
  })

  it.each([
    ['tokens', 1_500_000, '1,500,000 tokens'],
    ['requests', 1, '1 request'],
    ['compute', 5_430_000, '1h 30m 30s compute'],
    ['compute', 0, '0s compute'],
    ['compute', -61_000, '-1m 1s compute'],
    ['dollars', -1_500_000_000, '-$1.50'],
  ] as const)('of %s is written for people: %d', (unit, amount, text) => {
    expect(formatAmount({ unit, amount })).toBe(text)
  })
})

describe('a quota', () => {
  it.each([
    [{ capacity: '$1.00', rate: '$5.00/day' }, undefined],
    [{ capacity: '100k tokens', rate: '100k tokens/min' }, undefined],
    [{ capacity: '$1.00', on_exceed: 'reject', unknown_price: 'allow' }, undefined],
    [{ capacity: '$1.00', rate: '5 requests/day' }, 'counts something else'],
    [{ capacity: '$1.00', rate: '$1.00/year' }, 'not an amount a min'],
    [{ capacity: '$1.00', on_exceed: 'queue' }, '"on_exceed"'],
    [{ capacity: '5 requests', unknown_price: 'allow' }, '"unknown_price"'],
    [{ capacity: '$1.00', unknown_price: 'perhaps' }, '"unknown_price"'],
    [{ capacity: '5 requests', webui_tasks: 'free' }, undefined],
    [{ capacity: '5 requests', webui_tasks: 'half' }, '"webui_tasks"'],
    [{ capacity: '$1.00', webui_tasks: 'free' }, '"webui_tasks"'],
    [{ capacity: '4 concurrent', rate: '1 concurrent/min' }, 'no "rate"'],
    [{}, '"capacity"'],
  ])('is read, or it is said why not: %j', (quota, why) => {
    const read = parseQuota(quota)
    if (why === undefined) expect(read.limit).toBeDefined()
    else expect(read.why).toContain(why)
  })
})

describe('what is said of quotas', () => {
  const ofQuotas = (quotas: object, refs: readonly object[] = []) =>
    told(
      valid({
        providers: {
          p: { baseurl: 'http://127.0.0.1:1', models: ['m'], prices: { '*': { input: 1 } } },
        },
        quotas,
        grants: [
          {
            src: ['*'],
            app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**', quotas: refs }] },
          },
        ],
      }),
    ).filter((line) => line.includes('quota'))

  it.each([
    [{ 'x:<team>': {} }, [], 'quota "x:<team>": quota name "x:<team>" has unsupported template'],
    [{ day: { capacity: 'much' } }, [], 'quota day: "capacity" is none of'],
    [
      { n: { capacity: '5 requests', webui_tasks: 'free' } },
      [],
      'tasks are counted all the same, as nothing says who Open WebUI is',
    ],
    [{}, [{ bucket: 'gone' }], 'quotas references undefined quota "gone"'],
    [
      {},
      [{ bucket: 'x:<team>' }],
      'grants[0] grant 0 quotas[0]: bucket ref "x:<team>" has unsupported template',
    ],
    [
      { day: { capacity: '$1.00' } },
      [{ bucket: 'day', overdraft: ['gone'] }],
      'quotas references undefined quota "gone"',
    ],
    [
      { day: { capacity: '$1.00' }, n: { capacity: '5 requests' } },
      [{ bucket: 'day', overdraft: ['n'] }],
      'only what counts the same can lend',
    ],
    [
      { one: { capacity: '1 concurrent' }, two: { capacity: '2 concurrent' } },
      [{ bucket: 'one', overdraft: ['two'] }],
      'only what counts the same can lend',
    ],
  ])('names what is wrong, as a warning: %j %j', (quotas, refs, sentence) => {
    expect(ofQuotas(quotas, refs)).toEqual([expect.stringContaining(sentence)])
    expect(ofQuotas(quotas, refs)[0]).toContain(' warning ')
  })

  it('is nothing where all is well', () => {
    const quotas = { 'day:<user>': { capacity: '$1.00' }, team: { capacity: '$5.00' } }
    expect(ofQuotas(quotas, [{ bucket: 'day:<user>', overdraft: ['team'] }])).toEqual([])
  })
})

describe('a budget in dollars over a provider without a price', () => {
  const notes = (over: { quota?: object; provider?: object; entry?: object; file?: object } = {}) =>
    said(
      valid({
        providers: {
          gpu: { baseurl: 'http://10.0.0.2:8000', models: ['m'], ...over.provider },
          paid: {
            baseurl: 'https://api.anthropic.com',
            models: ['claude-opus-4-8'],
            compatibility: { anthropic_messages: true },
          },
        },
        quotas: { team: { capacity: '$5.00', ...over.quota } },
        grants: [
          {
            src: ['(loopback)'],
            app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] },
          },
          {
            src: ['*'],
            app: {
              'tailscale.com/cap/aperture': [
                { role: 'user' },
                { quotas: [{ bucket: 'team' }], ...over.entry },
              ],
            },
          },
        ],
        ...over.file,
      }),
    )
  const warned = [
    expect.stringContaining(
      'quota "team" counts dollars, and provider gpu has no price: its requests are charged nothing',
    ),
  ]

  it('is warned of, wherever the entry covers a model of it', () => {
    expect(notes()).toEqual(warned)
    expect(notes({ entry: { models: 'gpu/**' } })).toEqual(warned)
    expect(notes({ entry: { models: ['paid/**', '*/m'] } })).toEqual(warned)
    expect(notes({ provider: { models: [] } })).toEqual(warned)
  })

  it('is not where it covers no model of it, or another unit is counted', () => {
    expect(notes({ entry: { models: 'paid/**' } })).toEqual([])
    expect(notes({ entry: { models: '*/claude-*' } })).toEqual([])
    expect(notes({ quota: { capacity: '5 requests' } })).toEqual([])
    expect(notes({ quota: { capacity: '$0.00' } })).toEqual([])
    expect(notes({ provider: { disabled: true } })).toEqual([])
  })

  it('is not where somebody says what it costs, or what is meant', () => {
    expect(notes({ provider: { prices: { '*': { input: 0, output: 0 } } } })).toEqual([])
    expect(notes({ provider: { cost_basis: 'openrouter' } })).toEqual([])
    expect(notes({ provider: { model_cost_map: [{ match: 'm', as: 'openai/gpt-4o' }] } })).toEqual(
      [],
    )
    for (const unknown_price of ['allow', 'reject']) {
      expect(notes({ quota: { unknown_price } })).toEqual([])
    }
  })

  it('names every provider that nothing is inferred for', () => {
    const lines = notes({ file: { auto_cost_basis: false } })
    expect(lines).toEqual([...warned, expect.stringContaining('provider paid has no price')])
  })
})
