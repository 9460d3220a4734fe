import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NeedleFinder, needleOf } from '../../src/gateway/answer/needles.ts'
import { TextScrubber } from '../../src/gateway/answer/scrub.ts'
import { cuts, inPieces, secrets, spell, spellings, surroundings, unspell } from './spellings.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const finderOf = (...texts: string[]) => new NeedleFinder(texts.map((text) => needleOf(text)))

/** What is left of a text that comes in pieces. */
const left = (text: string, finder: NeedleFinder, at: readonly number[] = []): string =>
  inPieces(new TextScrubber({ finder, kind: 'opaque', fixedLength: false }), text, at)

/** The end of this could be the beginning of an escape, whatever follows. */
const isUnfinished = (text: string): boolean => /\\u?[0-9a-f]{0,3}$/i.test(text)

describe('a secret', () => {
  it('is taken out in every spelling that decodes to it, however the bytes are cut, and JSON stays JSON', () => {
    fc.assert(
      fc.property(
        secrets,
        spellings,
        surroundings,
        surroundings,
        cuts,
        (secret, levels, before, after, at) => {
          const plain = `${before}${secret}${after}`
          const text = spell(plain, levels)
          const clean = left(text, finderOf(secret), at)
          expect(clean).toContain('[redacted]')
          if (!isUnfinished(before)) expect(unspell(clean, levels)).not.toContain(secret)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['sk-abc/def+ghi=jkl', 'key sk-abc\\/def+ghi=jkl.'],
    ['sk-abc/def+ghi=jkl', 'key SK-ABC/DEF+GHI=JKL.'],
    ['sk-abc/def+ghi=jkl', 'key sk-abc%2Fdef%2bghi%3Djkl.'],
    ['sk-abc/def+ghi=jkl', 'key sk\\u002dabc\\/def\\u002Bghi=jkl.'],
    ['sk-abc/def+ghi=jkl', 'key sk\\\\u002dabc\\\\\\/def+ghi=jkl.'],
    ['sk-abc/def+ghi=jkl', 'key sk\\u005cu002dabc/def+ghi=jkl.'],
    ['sk-abc/def+ghi=jkl', 'key sk%252Dabc%252Fdef%252Bghi%253Djkl.'],
    ['sk-abc/def+ghi=jkl', 'key sk%5Cu002dabc/def+ghi=jkl.'],
    ['deadbeefdeadbeef', 'key deadbeefdeadbeef.'],
    ['schlüssel-der-gross-ist', 'key schl\\u00fcssel-der-gross-ist.'],
    ['schlüssel-der-gross-ist', 'key schl%C3%BCssel-der-gross-ist.'],
  ])('%s is not left in %s', (secret, text) => {
    expect(left(text, finderOf(secret))).toBe('key [redacted].')
  })

  it('is taken out after a sign that could begin an escape together with its first characters', () => {
    expect(left('100%deadbeefdeadbeef', finderOf('deadbeefdeadbeef'))).toBe('100%[redacted]')
    expect(left('\\n0123456789abcdef', finderOf('0123456789abcdef'))).toBe('\\n[redacted]')
  })

  it('that begins like another leaves nothing of the longer one behind', () => {
    const finder = finderOf('sk-123456789', 'sk-123456789-more')
    for (let cut = 0; cut < 30; cut++) {
      expect(left('a sk-123456789-more, sk-123456789.', finder, [cut])).toBe(
        'a [redacted], [redacted].',
      )
    }
  })

  it('leaves alone what only resembles it', () => {
    const text = 'sk-12345678 sk-1234567890123 %zz \\u00 \\u12 \\q \\'
    expect(left(text, finderOf('sk-12345678901234'))).toBe(text)
  })
})

describe('what passes', () => {
  const finder = finderOf('sk-1234567890abcdef')
  const scrubber = () => new TextScrubber({ finder, kind: 'events', fixedLength: false })

  it('is the very same chunk where nothing is taken out', () => {
    const chunk = utf8('data: {"choices":[{"delta":{"content":"so \\n 100% s"}}]}\n\n')
    expect(scrubber().push(chunk)).toBe(chunk)
  })

  it('never waits when it ends in a line break', () => {
    fc.assert(
      fc.property(surroundings, surroundings, (a, b) => {
        const chunk = utf8(`${a}sk-1234${b}\\sk-12\n`)
        expect(scrubber().push(chunk)).toBe(chunk)
      }),
    )
  })

  it('waits only with what may be the beginning of a secret', () => {
    const before = scrubber()
    expect(new TextDecoder().decode(before.push(utf8('data: a sk-1234')) ?? undefined)).toBe(
      'data: a ',
    )
    expect(new TextDecoder().decode(before.push(utf8('5 b')) ?? undefined)).toBe('sk-12345 b')
  })

  it('is bounded by the length of what came, for text that is nothing but escapes', () => {
    for (const unit of ['\\', '%', '%25', '\\u005c', '\\u0073', '\\\\u0075']) {
      const text = unit.repeat(Math.ceil(40_000 / unit.length))
      expect(left(text, finder, [10_000, 20_000, 30_000])).toBe(text)
    }
  })
})

describe('an address', () => {
  const finder = new NeedleFinder(
    ['10.0.0.5:8000', '10.0.0.5', 'gpu.lan', '://ollama'].map((host) => needleOf(host, true)),
  )
  const found = (text: string) =>
    finder.scan(utf8(text))?.map(({ start, end }) => text.slice(start, end))

  it.each([
    ['connect ECONNREFUSED 10.0.0.5:8000', ['10.0.0.5:8000']],
    ['at http:\\/\\/GPU.lan\\/v1', ['GPU.lan']],
    ['at http%3A%2F%2Fgpu.lan%3A80', ['gpu.lan']],
    ['first\\ngpu.lan', ['gpu.lan']],
    ['a gpu.lan.', ['gpu.lan']],
  ])('is found in %s', (text, [address]) => {
    expect(found(text)?.[0]).toBe(address)
  })

  it.each(['110.0.0.5', '10.0.0.51', 'my-gpu.lan', 'gpu.lane', 'ollama is busy'])(
    'is not found in %s, which is another word',
    (text) => {
      expect(found(text)).toBeUndefined()
    },
  )
})
