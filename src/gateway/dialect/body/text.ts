const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Short texts of plain ASCII are made without the decoder, whose call costs more than the text. */
const SHORT = 32
const BACKSLASH = 0x5c

/** The text of a string token, its quotes included; the token was found valid. */
export const stringAt = (bytes: Uint8Array, start: number, end: number): string => {
  if (end - start > SHORT) return decoded(bytes, start, end)
  let text = ''
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at]!
    if (byte === BACKSLASH || byte >= 0x80) return decoded(bytes, start, end)
    text += ASCII[byte]
  }
  return text
}

const ASCII = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))

const decoded = (bytes: Uint8Array, start: number, end: number): string => {
  const escaped = bytes.subarray(start, end).includes(BACKSLASH)
  return escaped
    ? (JSON.parse(utf8.decode(bytes.subarray(start, end))) as string)
    : utf8.decode(bytes.subarray(start + 1, end - 1))
}

/** The beginning of a string token: at most so many UTF-16 code units, however long the string is. */
export const beginningAt = (
  bytes: Uint8Array,
  start: number,
  end: number,
  length: number,
): string => {
  // An escape takes six bytes at most for one unit, a character three for one.
  if (end - start - 2 <= length * 6) return stringAt(bytes, start, end).slice(0, length)
  let to = start + 1 + length * 6
  // Cut neither within an escape nor within a character.
  const cut = cutAt(bytes, start + 1, to)
  to = cut
  const quoted = new Uint8Array(to - start + 1)
  quoted.set(bytes.subarray(start, to))
  quoted[quoted.length - 1] = 0x22
  return stringAt(quoted, 0, quoted.length).slice(0, length)
}

/** The last place at or before `to` where a string that began at `from` may be cut. */
const cutAt = (bytes: Uint8Array, from: number, to: number): number => {
  let at = from
  let whole = from
  while (at < to) {
    whole = at
    const byte = bytes[at]!
    if (byte === BACKSLASH) at += bytes[at + 1] === 0x75 ? 6 : 2
    else if (byte < 0x80) at += 1
    else at += byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
  }
  return at === to ? to : whole
}

/** The value that stands in these bytes, which were found valid. */
export const valueAt = (bytes: Uint8Array, start: number, end: number): unknown =>
  JSON.parse(utf8.decode(bytes.subarray(start, end)))
