import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InlineFile } from '../../src/gateway/dialect/body/files.ts'
import { contentOf } from '../../src/gateway/tokens/files.ts'

/**
 * Small files as others write them: Pillow 13, libsndfile, FFmpeg (PyAV 18), ReportLab and qpdf. Pictures are of 321 × 123
 * pixels.
 */
interface Media {
  readonly kind: 'picture' | 'sound' | 'video' | 'document'
  readonly width?: number
  readonly height?: number
  /** Null where the format does not say at its beginning. */
  readonly ms?: number | null
  readonly pages?: number
  readonly base64: string
}
const path = new URL('../golden/media.json', import.meta.url)
const media = Object.entries(JSON.parse(readFileSync(path, 'utf8')) as Record<string, Media>)

const fileOf = (bytes: Uint8Array): InlineFile => ({
  size: bytes.length,
  encodedSize: Math.ceil(bytes.length / 3) * 4,
  head: (count) => bytes.subarray(0, count),
})

describe('what a file in a request is', () => {
  it.each(media)(
    'is told by its first bytes: %s',
    (_, { base64, kind, width, height, ms, pages }) => {
      const content = contentOf(fileOf(Buffer.from(base64, 'base64')))
      expect(content.kind).toBe(kind)
      if (content.kind === 'picture') {
        // HEIC stores them with an even number of lines and columns.
        expect(Math.abs((content.size?.width ?? 0) - (width ?? 0))).toBeLessThan(2)
        expect(Math.abs((content.size?.height ?? 0) - (height ?? 0))).toBeLessThan(2)
      }
      if (content.kind === 'document') expect(content.pages).toBe(pages)
      if (content.kind !== 'sound' && content.kind !== 'video') return
      if (ms === null) expect(content.ms).toBeUndefined()
      else expect(Math.abs((content.ms ?? 0) - (ms ?? 0))).toBeLessThan(200)
    },
  )

  it('is a picture of unknown size where only its address is known', () => {
    const remote = { size: 0, encodedSize: 0, head: () => new Uint8Array() }
    expect(contentOf(remote)).toEqual({ kind: 'picture', size: undefined })
  })

  it('is found out however the file goes on, or ends', () => {
    const names = fc.constantFrom(...media)
    fc.assert(
      fc.property(names, fc.nat(3000), fc.uint8Array({ maxLength: 200 }), ([, each], at, noise) => {
        const bytes = Buffer.from(each.base64, 'base64')
        const broken = Buffer.concat([bytes.subarray(0, at), noise])
        const content = contentOf(fileOf(broken))
        for (const value of Object.values({ ...content, ...('size' in content && content.size) })) {
          if (typeof value === 'number') expect(value).toBeGreaterThanOrEqual(0)
        }
      }),
      { numRuns: 500 },
    )
  })
})
