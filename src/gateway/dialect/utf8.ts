/** Bytes of a text in UTF-8; none for what is not text. */
export const bytesOf = (text: unknown): number => {
  if (typeof text !== 'string') return 0
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    // Each half of a surrogate pair stands for two bytes.
    if (code > 0x7f) bytes += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2
  }
  return bytes
}
