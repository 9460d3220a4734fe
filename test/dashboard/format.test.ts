import { describe, expect, it } from 'vitest'
import {
  bytes,
  cost,
  count,
  dollars,
  exact,
  short,
  span,
  when,
} from '../../src/admin/dashboard/parts/format.ts'
import { toCsv } from '../../src/admin/dashboard/parts/table.ts'

describe('numbers people can read', () => {
  it.each([
    [0, '0'],
    [7, '7'],
    [999, '999'],
    [1000, '1 k'],
    [1234, '1.2 k'],
    [12_345, '12 k'],
    [999_600, '1 M'],
    [1_234_567, '1.2 M'],
    [5_000_000_000, '5 G'],
    [-1500, '-1.5 k'],
    [0.25, '0.3'],
  ])('%d is %s', (value, text) => {
    expect(short(value)).toBe(text)
  })

  it.each([
    [1_234_567, '1,234,567'],
    [999, '999'],
    [1234.5678, '1,234.5678'],
    [-1000, '-1,000'],
  ])('%d is exactly %s', (value, text) => {
    expect(exact(value)).toBe(text)
  })

  it.each([
    [0, '$0'],
    [0.000_000_42, '$0.00000042'],
    [0.0042, '$0.0042'],
    [0.05, '$0.05'],
    [0.995, '$0.99'],
    [3, '$3.00'],
    [12.345, '$12.35'],
    [1500, '$1.5 k'],
  ])('%d dollars are %s', (value, text) => {
    expect(dollars(value)).toBe(text)
  })

  it.each([
    [840.4, '840 ms'],
    [2400, '2.4 s'],
    [30_000, '30 s'],
    [180_000, '3 min'],
    [5 * 3_600_000, '5 h'],
    [12 * 86_400_000, '12 d'],
  ])('%d ms are %s', (value, text) => {
    expect(span(value)).toBe(text)
  })

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [32 * 1024 * 1024, '32 MiB'],
  ])('%d bytes are %s', (value, text) => {
    expect(bytes(value)).toBe(text)
  })

  it('have the exact one on hover, where it is another', () => {
    expect(String(count(12))).toBe('<span class="num">12</span>')
    expect(String(count(1_234_567, 'tokens'))).toBe(
      '<data class="num" value="1234567" title="1,234,567 tokens">1.2 M tokens</data>',
    )
    expect(String(cost(null))).toContain('The price is not known')
    expect(String(cost(4_200_000))).toContain('title="$0.0042">$0.0042<')
  })

  it('tell times from here, past and to come', () => {
    const now = Date.UTC(2026, 0, 2)
    expect(String(when(now - 10_800_000, now))).toBe(
      '<time datetime="2026-01-01T21:00:00.000Z" title="2026-01-01T21:00:00.000Z">3 h ago</time>',
    )
    expect(String(when(now + 86_400_000 * 3, now))).toContain('>in 3 d<')
    expect(String(when(now, now))).toContain('>now<')
  })
})

it('a file holds text, whatever a spreadsheet would take it for', () => {
  const columns = [
    { head: 'a', cell: String, text: (row: string) => row },
    { head: 'shown only', cell: String },
    { head: 'n', cell: String, text: () => -5 },
  ]
  const rows = ['=1+1', '+1', '-1', '@x', '\tx', 'plain', 'a,"b"\nc']
  expect(toCsv(columns, rows).split('\r\n')).toEqual([
    'a,n',
    "'=1+1,-5",
    "'+1,-5",
    "'-1,-5",
    "'@x,-5",
    "'\tx,-5",
    'plain,-5',
    '"a,""b""\nc",-5',
    '',
  ])
})
