import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCounter, createHistogram, mostSeries } from '../../src/admin/metrics/instruments.ts'
import { format } from '../../src/admin/metrics/text.ts'
import { readPage, total } from '../support/prometheus.ts'

const counter = () => createCounter({ name: 'x_total', help: 'x', labels: ['a'] })

describe('the page of metrics', () => {
  it('is written as the text format has it', () => {
    const page = format([
      { name: 'a_total', help: 'A \\ thing\nor two.', type: 'counter', samples: [{ value: 3 }] },
      {
        name: 'b',
        help: 'B.',
        type: 'gauge',
        samples: [{ labels: { x: 'q"\\\n', y: '' }, value: 0.5 }],
      },
    ])
    expect(page).toBe(
      [
        '# HELP a_total A \\\\ thing\\nor two.',
        '# TYPE a_total counter',
        'a_total 3',
        '# HELP b B.',
        '# TYPE b gauge',
        'b{x="q\\"\\\\\\n",y=""} 0.5\n',
      ].join('\n'),
    )
  })

  it('says any label so that it can be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const given = counter()
        given.add({ a: value })
        const [read] = readPage(format([given.collect()]))
        expect(read?.labels.a).toBe(value.toWellFormed())
      }),
    )
  })

  it('is one that Prometheus would not refuse for half a character', () => {
    const given = counter()
    given.add({ a: 'x\ud800y' })
    expect(format([given.collect()])).toContain('a="x\ufffdy"')
  })
})

describe('a counter', () => {
  it('keeps a bounded number of series and loses no count', () => {
    const given = counter()
    for (let i = 0; i < 100_000; i++) given.add({ a: `stranger-${i}` })
    const page = readPage(format([given.collect()]))
    expect(page).toHaveLength(mostSeries)
    expect(total(page, 'x_total')).toBe(100_000)
    expect(total(page, 'x_total', { a: 'other' })).toBe(100_000 - (mostSeries - 1))
  })

  it('adds whole numbers, so that dollars do not drift', () => {
    const cost = createCounter({ name: 'usd_total', help: 'x', labels: [], per: 1e9 })
    for (let i = 0; i < 10; i++) cost.add({}, 100_000_000)
    expect(total(readPage(format([cost.collect()])), 'usd_total')).toBe(1)
  })
})

describe('a histogram', () => {
  it('counts each value once, in the first bucket that holds it and all above', () => {
    const bounds = [0.1, 1]
    const given = createHistogram({ name: 's', help: 'x', labels: ['a'], bounds, per: 1000 })
    for (const ms of [100, 101, 1000, 5000]) given.of({ a: 'm' })(ms)
    expect(format([given.collect()]).split('\n').slice(2, -1)).toEqual([
      's_bucket{a="m",le="0.1"} 1',
      's_bucket{a="m",le="1"} 3',
      's_bucket{a="m",le="+Inf"} 4',
      's_sum{a="m"} 6.201',
      's_count{a="m"} 4',
    ])
  })
})
