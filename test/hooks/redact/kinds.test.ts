import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RedactKind } from '../../../src/config/config.ts'
import { luhn } from '../../../src/gateway/hooks/redact/checksums.ts'
import { kinds } from '../../../src/gateway/hooks/redact/kinds.ts'
import { computed } from '../../support/computed.ts'
import { allKinds } from './support.ts'

const hidden = (kind: RedactKind, text: string): string =>
  kinds[kind](text)
    .toReversed()
    .reduce((out, { start, end }) => `${out.slice(0, start)}#${out.slice(end)}`, text)

// Written in pieces, so that no scanner takes this file for a leak.
const a = (...pieces: string[]) => pieces.join('')
const pem = (type: string, body: string) =>
  a('-----BEGIN ', type, '-----\n', body, '\n-----END ', type, '-----')
const base64 = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj'

describe('what Postern knows by itself', () => {
  it.each<[RedactKind, string, string]>([
    ['api_key', a('sk-', 'proj-Ab3', 'x'.repeat(30)), '#'],
    ['api_key', a('sk-', 'ant-api03-', 'Ab1_'.repeat(20)), '#'],
    ['api_key', a('key="', 'ghp_', 'a1'.repeat(18), '"'), 'key="#"'],
    ['api_key', a('AKIA', 'IOSFODNN7EXAMPLE'), '#'],
    ['api_key', a('AIza', 'Sy', 'A'.repeat(33)), '#'],
    ['api_key', a('xoxb-', '123456789012-abcdef'), '#'],
    ['api_key', a('tskey-', 'auth-kABCDEFGH1CNTRL-', 'a'.repeat(24)), '#'],
    ['api_key', a('pst_', 'A'.repeat(36)), '#'],
    ['api_key', a('GOC', 'SPX-', 'aB3_'.repeat(7)), '#'],
    ['api_key', a('ya', '29.', 'a0AfH6SMBx'.repeat(4)), '#'],
    ['api_key', a('ABSK', 'QmVkcm9ja0FQSUtleS'.repeat(7), '='), '#'],
    ['api_key', a('glrt', '-', 'aB3_-'.repeat(4)), '#'],
    ['api_key', a('nvapi', '-', 'aB3_'.repeat(16)), '#'],
    ['api_key', a('r8', '_', 'aB3'.repeat(12), 'a'), '#'],
    ['api_key', a('hvs', '.', 'CAESI'.repeat(8)), '#'],
    ['api_key', a('dckr', '_pat_', 'aB3_-'.repeat(6)), '#'],
    ['api_key', a('shp', 'at_', '0123456789abcdef'.repeat(2)), '#'],
    ['api_key', a('AGE-', 'SECRET-KEY-1', 'QPZRY9X8GF'.repeat(5), 'QPZRY9X8'), '#'],
    ['api_key', a('AccountKey', '=', 'aB3/'.repeat(21), 'ab=='), '#'],
    ['api_key', a('123456789', ':AA', 'aB3_-'.repeat(6), 'abc'), '#'],
    ['api_key', a('sk_', '0123456789abcdef'.repeat(3)), '#'],
    ['api_key', a('lin_', 'api_', 'aB3d'.repeat(10)), '#'],
    [
      'api_key',
      'scikit sk-learn-is-a-library-for-python',
      'scikit sk-learn-is-a-library-for-python',
    ],
    ['api_key', 'task-1234567890123456789012345', 'task-1234567890123456789012345'],
    ['jwt', a('Bearer eyJhbGciOiJIUzI1NiJ9.', 'eyJzdWIiOiIxIn0.', 'c2lnbmF0dXJl'), 'Bearer #'],
    ['jwt', 'eyJhbGciOiJIUzI1NiJ9', 'eyJhbGciOiJIUzI1NiJ9'],
    ['private_key', a('k: ', pem('RSA PRIVATE KEY', base64), ' end'), 'k: # end'],
    ['private_key', pem('OPENSSH PRIVATE KEY', base64), '#'],
    ['private_key', pem('PGP PRIVATE KEY BLOCK', base64), '#'],
    ['private_key', a('-----BEGIN ', 'PRIVATE KEY-----\n', base64, '\n(cut off'), '#(cut off'],
    ['private_key', pem('CERTIFICATE', base64), pem('CERTIFICATE', base64)],
    ['email', 'mail ana.b+x@example.co.uk, please', 'mail #, please'],
    ['email', 'jürgen@müller.de.', '#.'],
    ['email', 'a@b git@host user@', 'a@b git@host user@'],
    ['email', 'ana@example.com- or ana@example.com-> ben', '#- or #-> ben'],
    ['email', 'ana@example.xn--p1ai', '#'],
    ['email', 'ana@mu\u0308ller.de', '#'],
    ['phone', 'call +49 (0)30 1234567 or (415) 555-2671', 'call # or #'],
    ['phone', '+14155552671', '#'],
    ['phone', '+49 30 - 1234567, 0049 171 1234567, 1-800-555-0199', '#, #, #'],
    ['phone', '+1\u2011202\u2011555\u20110143 or 415\u2013555\u20132671', '# or #'],
    ['phone', 'part 00123456, build 0012.3', 'part 00123456, build 0012.3'],
    [
      'phone',
      '2024-01-02, 192.168.100.1000, 1234567890',
      '2024-01-02, 192.168.100.1000, 1234567890',
    ],
    ['iban', 'to DE89 3704 0044 0532 0130 00 BIC COBADEFF', 'to # BIC COBADEFF'],
    ['iban', 'GB82WEST12345698765432', '#'],
    ['iban', 'DE89-3704-0044-0532-0130-00', '#'],
    ['iban', 'FK88 SC12 3456 7890 12 and NI45 BAPR 0000 0013 0000 0355 8124', '# and #'],
    ['iban', 'DE89 3704 0044 0532 0130 01', 'DE89 3704 0044 0532 0130 01'],
    ['iban', 'GB82WEST123456987654321', 'GB82WEST123456987654321'],
    ['credit_card', 'card 4111 1111 1111 1111 exp 12/29', 'card # exp 12/29'],
    // Hyphens and dashes at which no line breaks, as word processors and models write them; and two spaces.
    ['credit_card', '4111\u20111111\u20111111\u20111111, 5555 – 5555 – 5555 – 4444', '#, #'],
    ['credit_card', '4111  1111  1111  1111', '#'],
    ['credit_card', '4111\u200b1111\u200b1111\u200b1111', '#'],
    ['credit_card', '378282246310005 and 5555-5555-5555-4444', '# and #'],
    ['credit_card', '4111 1111 1111 1111 123', '# 123'],
    ['credit_card', '4111111111111112', '4111111111111112'],
    ['credit_card', '41111111111111110000000000', '41111111111111110000000000'],
  ])('%s: "%s" becomes "%s"', (kind, text, expected) => {
    expect(hidden(kind, text)).toBe(expected)
  })

  it('takes ids, fractions, times and files for what they are', () => {
    // future-agi/traceAI#195: ids that have the digits of a card in them.
    let state = 42
    const next = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state
    }
    const hex = (length: number): string =>
      Array.from({ length }, () => (next() >>> 28).toString(16)).join('')
    for (let i = 0; i < 5000; i++) {
      const texts = [
        `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
        hex(40),
        `${next() / 2 ** 32}`,
        `${-next() / 1e6}, ${next()}.${next()}${next()}`,
        `${new Date(next() * 400).toISOString()} ${1_600_000_000_000 + next()}`,
      ]
      for (const text of texts) {
        for (const kind of allKinds) expect([kind, hidden(kind, text)]).toEqual([kind, text])
      }
    }
  })

  // theopenco/llmgateway#3641, tinyhumansai/tinycortex#154: numbers of products, seconds, commits, versions, places to fill in.
  it.each([
    '{"product_id": 3074185296}',
    '{"at_millis": 1755302400009, "created_at": 1755302400}',
    'Item 4123456789012 is out of stock',
    'git revert a94a8fe5ccb19ba61c4c0873d391e987982fbbd3',
    'Order PO1234567 for part X12345, version 1.2.3.4',
    'apiKey: YOUR_API_KEY_HERE_PLACEHOLDER',
    'toolu_01A09q90qw90lq917835lq9 call_4111111111111111abc',
  ])('leaves "%s" as it is', (text) => {
    for (const kind of allKinds) expect([kind, hidden(kind, text)]).toEqual([kind, text])
  })

  it('knows a card by its last digit', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^4\d{14}$/), (front) => {
        const right = Array.from('0123456789').filter((last) => luhn(front + last))
        expect(right).toHaveLength(1)
        for (const last of '0123456789') {
          const found = kinds.credit_card(front + last).length
          if (last === right[0]) expect(found).toBe(1)
          // A shorter number may begin the same way, but what follows makes it none.
          else expect(found).toBe(0)
        }
      }),
      { numRuns: 50 },
    )
  })

  const units = [
    ...[
      'a',
      '1',
      ' ',
      '.',
      '-',
      '@',
      '+',
      '_',
      '\n',
      'é',
      'A',
      '4',
      'eyJ',
      'sk-',
      'a@',
      'a.',
      '1 ',
    ],
    ...['4 ', 'DE89 ', 'DE', '+1', 'eyJaaaaaaaaaaaa.', 'sk-a ', '(415) ', 'ghp_a'],
    a('-----BEGIN ', 'PRIVATE KEY-----'),
    a('-----END ', 'PRIVATE KEY-----'),
    a('-----BEGIN ', 'A A A A '),
  ]
  it.each(allKinds)('%s takes no longer for a hostile text than for its length', (kind) => {
    for (const unit of units) {
      const text = unit.repeat(Math.ceil(1_000_000 / unit.length))
      const started = computed()
      kinds[kind](text)
      // Quadratic time would be minutes.
      expect(computed() - started, JSON.stringify(unit)).toBeLessThan(10_000)
    }
  })
})
