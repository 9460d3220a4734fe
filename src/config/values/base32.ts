const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 4648 §6, spaces and padding left out; undefined for what is none, or shorter than 80 bits. */
export const decodeBase32 = (text: string): Uint8Array<ArrayBuffer> | undefined => {
  const letters = text.toUpperCase().replace(/[ =-]/g, '')
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const letter of letters) {
    const at = alphabet.indexOf(letter)
    if (at < 0) return undefined
    value = ((value << 5) | at) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push((value >>> bits) & 0xff)
    }
  }
  return bytes.length < 10 ? undefined : Uint8Array.from(bytes)
}

export const encodeBase32 = (bytes: Uint8Array): string => {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(value >>> bits) & 31]
    }
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text
}
