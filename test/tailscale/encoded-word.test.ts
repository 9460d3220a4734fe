import { describe, expect, it } from 'vitest'
import { decodeWords } from '../../src/tailscale/encoded-word.ts'

describe('decodeWords', () => {
  it.each([
    ['=?utf-8?q?ren=C3=A9@example.com?=', 'rené@example.com'],
    ['=?utf-8?q?Alice_=C3=9Cn=C3=AF?=', 'Alice Ünï'],
    ['=?UTF-8?Q?J=c3=bcrgen?=', 'Jürgen'],
    ['=?utf-8?q?Gr=C3=BC?= =?utf-8?q?=C3=9Fe?=', 'Grüße'],
    // A long value is cut anywhere, in the middle of a letter too.
    ['=?utf-8?q?=C3?= =?utf-8?q?=BC?=', 'ü'],
    ['=?utf-8?q?{"a":[{"note":"Gr=C3=BC"}]}?=', '{"a":[{"note":"Grü"}]}'],
  ])('reads %s', (header, text) => {
    expect(decodeWords(header)).toBe(text)
  })

  it.each([
    '',
    'alice@example.com',
    '=?utf-8?q?broken',
    '=?utf-8?q?=ZZ?=',
    '=?utf-8?q?=C3?=',
    '=?utf-8?q?a?= plain',
    '=?iso-8859-1?q?=FC?=',
    '=?utf-8?b?w7w=?=',
  ])('leaves %j as it is', (header) => {
    expect(decodeWords(header)).toBe(header)
  })
})
