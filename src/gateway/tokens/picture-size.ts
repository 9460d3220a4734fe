import type { Head } from './bytes.ts'

export interface Size {
  readonly width: number
  readonly height: number
}

/** How large a picture is, by its first bytes; undefined: it is none, or does not say so there. */
export const pictureSize = (head: Head): Size | undefined => {
  const size = sizeIn(head)
  return size && size.width > 0 && size.height > 0 ? size : undefined
}

/** Is it a picture, whatever its size? */
export const isPicture = (head: Head): boolean =>
  head.is('\x89PNG') ||
  isJpeg(head) ||
  head.is('GIF8') ||
  isWebp(head) ||
  isBmp(head) ||
  isHeif(head)

const sizeIn = (head: Head): Size | undefined => {
  if (head.is('\x89PNG')) return { width: head.u32(16), height: head.u32(20) }
  if (head.is('GIF8')) return { width: head.u16(6, true), height: head.u16(8, true) }
  if (isJpeg(head)) return ofJpeg(head)
  if (isWebp(head)) return ofWebp(head)
  // A negative height is of a picture whose lines stand from top to bottom.
  if (isBmp(head)) return { width: head.u32(18, true), height: Math.abs(head.u32(22, true) | 0) }
  return isHeif(head) ? ofHeif(head) : undefined
}

const isJpeg = (head: Head): boolean => head.u16(0) === 0xffd8 && head.u8(2) === 0xff
const isWebp = (head: Head): boolean => head.is('RIFF') && head.is('WEBP', 8)
const isBmp = (head: Head): boolean => head.is('BM') && head.u32(6) === 0

/** HEIC and AVIF, by the brands of ISO/IEC 23008-12. */
const isHeif = (head: Head): boolean =>
  head.is('ftyp', 4) && /^(?:hei[cxms]|hev[cxms]|mif1|msf1|avi[fs])/.test(head.text(8, 12))

/** From segment to segment, to the one that begins a frame (ITU-T T.81, B.1.1.3). */
const ofJpeg = (head: Head): Size | undefined => {
  let at = 2
  while (at + 9 < head.length) {
    if (head.u8(at) !== 0xff) return undefined
    const marker = head.u8(at + 1)
    const startsFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (startsFrame) return { height: head.u16(at + 5), width: head.u16(at + 7) }
    // Fill bytes, and markers that stand alone.
    at += marker === 0xff ? 1 : marker >= 0xd0 && marker <= 0xd8 ? 2 : 2 + head.u16(at + 2)
  }
  return undefined
}

/** https://developers.google.com/speed/webp/docs/riff_container */
const ofWebp = (head: Head): Size | undefined => {
  if (head.is('VP8X', 12))
    return { width: head.u24LittleEndian(24) + 1, height: head.u24LittleEndian(27) + 1 }
  if (head.is('VP8L', 12)) {
    const bits = head.u32(21, true)
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
  }
  if (!head.is('VP8 ', 12)) return undefined
  return { width: head.u16(26, true) & 0x3fff, height: head.u16(28, true) & 0x3fff }
}

/** The largest of its spatial extents: a picture may be stored in tiles, with a thumbnail beside. */
const ofHeif = (head: Head): Size | undefined => {
  let largest: Size | undefined
  for (let at = head.find('ispe'); at >= 0; at = head.find('ispe', at + 4)) {
    const size = { width: head.u32(at + 8), height: head.u32(at + 12) }
    if (!largest || size.width * size.height > largest.width * largest.height) largest = size
  }
  return largest
}
