import type { LongString } from './scan.ts'

/** A file that a body carries within itself, as base64 in JSON or as a part of a form, or that it only names. */
export interface InlineFile {
  /** Bytes of the file itself; 0 where the body has only its address. */
  readonly size: number
  /** Bytes that it takes in the request body. */
  readonly encodedSize: number
  /** Its first bytes, decoded: enough to tell what it is, and how large a picture. */
  head(count: number): Uint8Array
}

/**
 * Members whose value may be a file: `url` and `image_url` (OpenAI, as data URLs), `data` (Anthropic, Gemini, OpenAI's
 * audio), `file_data`, `bytes` (Amazon), `images` (Ollama), `image`, `b64_json`. A text that looks like a file is one
 * nowhere else: providers would count it as text.
 */
const FILE_FIELDS = new Set([
  'url',
  'image_url',
  'data',
  'file_data',
  'bytes',
  'images',
  'image',
  'audio',
  'b64_json',
  'input',
])

/** One that is elsewhere: nothing is known of it. */
export const remoteFile: InlineFile = { size: 0, encodedSize: 0, head: () => new Uint8Array() }

/** Files among the long strings of a body. */
export const filesIn = (bytes: Uint8Array, strings: readonly LongString[]): InlineFile[] =>
  strings.flatMap((found) => {
    if (!FILE_FIELDS.has(found.name)) return []
    const file = fileAt(bytes, found)
    return file ? [file] : []
  })

const fileAt = (bytes: Uint8Array, { start, end, name }: LongString): InlineFile | undefined => {
  const inUrl = payloadOfDataUrl(bytes, start + 1, end - 1)
  // `input` is text unless it says that it is not.
  if (inUrl < 0 && (name === 'input' || name === 'url')) return undefined
  const from = inUrl < 0 ? start + 1 : inUrl
  const to = end - 1
  if (!looksLikeBase64(bytes, from, to)) return undefined
  return {
    // Padding and escaped slashes (PHP writes `\\/`) make it a little smaller.
    size: Math.floor(((to - from) * 3) / 4),
    encodedSize: end - start,
    head: (count) => decodeBase64(bytes, from, to, count),
  }
}

const BASE64 = new Uint8Array(256).fill(255)
for (const [value, char] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  BASE64[char.charCodeAt(0)] = value
}
// The alphabet for URLs (RFC 4648 §5), which Google's clients use.
BASE64[0x2d] = 62
BASE64[0x5f] = 63
// Of an escaped slash.
BASE64[0x5c] = 64

/** Index after `;base64,`, or -1 where this does not begin a data URL (RFC 2397). */
const payloadOfDataUrl = (bytes: Uint8Array, from: number, to: number): number => {
  const longest = 256
  let head = ''
  for (let at = from; at < to && at < from + longest; at++) {
    head += String.fromCharCode(bytes[at]!)
    if (bytes[at] === 0x2c) break
  }
  return /^data:[\w.+/-]{0,128}(?:;[\w=."-]{0,64}){0,4};base64,$/i.test(head)
    ? from + head.length
    : -1
}

/** Bytes between two that are looked at: a file of 30 MB must not hold up everything else. */
const STRIDE = 61

const looksLikeBase64 = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to - 2; at += STRIDE) {
    if (BASE64[bytes[at]!] === 255) return false
  }
  return to > from
}

const decodeBase64 = (bytes: Uint8Array, from: number, to: number, count: number): Uint8Array => {
  const decoded = new Uint8Array(count)
  let length = 0
  let bits = 0
  let pending = 0
  for (let at = from; at < to && length < count; at++) {
    const value = BASE64[bytes[at]!]!
    if (value > 63) continue
    pending = ((pending << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    decoded[length++] = (pending >> bits) & 0xff
  }
  return decoded.subarray(0, length)
}
