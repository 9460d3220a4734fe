import type { Head } from './bytes.ts'

/** How long a recording is: its kind, and ms where its first bytes tell. */
export interface Media {
  readonly kind: 'sound' | 'video'
  readonly ms: number | undefined
}

/** @param size bytes of the whole file; undefined: it is neither sound nor video */
export const mediaIn = (head: Head, size: number): Media | undefined => {
  if (head.is('RIFF') && head.is('WAVE', 8)) return { kind: 'sound', ms: ofWav(head, size) }
  if (head.is('fLaC')) return { kind: 'sound', ms: ofFlac(head) }
  if (head.is('OggS')) return { kind: 'sound', ms: undefined }
  if (head.is('ftyp', 4)) return ofMp4(head)
  if (head.u32(0) === 0x1a45dfa3) return ofMatroska(head)
  const frame = mp3Frame(head)
  if (frame >= 0) return { kind: 'sound', ms: ofMp3(head, frame, size) }
  return isAdts(head) ? { kind: 'sound', ms: undefined } : undefined
}

const ofWav = (head: Head, size: number): number | undefined => {
  const format = head.find('fmt ', 12)
  const bytesPerSecond = format < 0 ? 0 : head.u32(format + 16, true)
  const data = head.find('data', 12)
  const length = size - (data < 0 ? 44 : data + 8)
  return bytesPerSecond > 0 ? (Math.max(0, length) / bytesPerSecond) * 1000 : undefined
}

/** STREAMINFO: https://www.rfc-editor.org/rfc/rfc9639#section-8.2 */
const ofFlac = (head: Head): number | undefined => {
  const rate = (head.u16(18) << 4) | (head.u8(20) >> 4)
  const samples = (head.u8(21) & 0x0f) * 2 ** 32 + head.u32(22)
  return rate > 0 && samples > 0 ? (samples / rate) * 1000 : undefined
}

/** Its header may stand at the end of the file, and then tells nothing here. */
const ofMp4 = (head: Head): Media => {
  const kind = /^(?:M4A|M4B|F4A)/.test(head.text(8, 12)) ? 'sound' : 'video'
  const header = head.find('mvhd')
  if (header < 0) return { kind, ms: undefined }
  const isLong = head.u8(header + 4) === 1
  const scale = head.u32(header + (isLong ? 24 : 16))
  const duration = isLong ? head.u64(header + 28) : head.u32(header + 20)
  return { kind, ms: scale > 0 ? (duration / scale) * 1000 : undefined }
}

/** WebM and Matroska: https://www.rfc-editor.org/rfc/rfc9559#section-5.1.2 */
const ofMatroska = (head: Head): Media => {
  const kind = head.find('A_') >= 0 && head.find('V_') < 0 ? 'sound' : 'video'
  const at = head.find('\x44\x89')
  const size = head.u8(at + 2) & 0x7f
  if (at < 0 || (size !== 4 && size !== 8)) return { kind, ms: undefined }
  const scaleAt = head.find('\x2a\xd7\xb1\x83')
  const nanoseconds = scaleAt < 0 ? 1_000_000 : head.u24BigEndian(scaleAt + 4)
  return { kind, ms: (head.float(at + 3, size) * nanoseconds) / 1e6 }
}

/** kbit/s of layer III by the index in a frame's header: of MPEG 1, and of MPEG 2 and 2.5. */
const bitrates = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const
const sampleRates = [44_100, 48_000, 32_000] as const

/** Where the first frame of an MP3 stands, after what ID3 tells; -1: it is none. */
const mp3Frame = (head: Head): number => {
  const tagged = head.is('ID3')
  // Seven bits of each byte count: https://id3.org/id3v2.4.0-structure
  const tag = [6, 7, 8, 9].reduce((sum, at) => (sum << 7) | (head.u8(at) & 0x7f), 0)
  const at = tagged ? 10 + tag : 0
  if (at + 4 > head.length) return tagged ? head.length : -1
  const isFrame = (head.u16(at) & 0xffe6) === 0xffe2
  return isFrame ? at : tagged ? head.length : -1
}

const ofMp3 = (head: Head, at: number, size: number): number | undefined => {
  const version = (head.u8(at + 1) >> 3) & 3
  const isFirst = version === 3
  const kbits = bitrates[isFirst ? 0 : 1][head.u8(at + 2) >> 4] ?? 0
  const rate =
    (sampleRates[(head.u8(at + 2) >> 2) & 3] ?? 0) / (isFirst ? 1 : version === 2 ? 2 : 4)
  if (kbits === 0 || rate === 0) return undefined
  for (const name of ['Xing', 'Info']) {
    const info = head.find(name, at)
    // Only within the first frame, and only where it counts frames.
    if (info < 0 || info > at + 200 || (head.u8(info + 7) & 1) === 0) continue
    return ((head.u32(info + 8) * (isFirst ? 1152 : 576)) / rate) * 1000
  }
  return ((size - at) * 8) / kbits
}

/** AAC without a container. */
const isAdts = (head: Head): boolean => (head.u16(0) & 0xfff6) === 0xfff0
