const encodedWord = /^=\?utf-8\?q\?([^?]*)\?=$/i
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes what tailscaled makes of a header value that is not printable ASCII: RFC 2047 words in Q encoding, several
 * of them for a long value, joined by single spaces (tailscale serve.go, Go's mime.QEncoding). Anything else is
 * returned as it is: a plain value that merely looks like a word cannot be told apart, so nothing may be decided by
 * this alone.
 */
export const decodeWords = (value: string): string => {
  if (!value.startsWith('=?')) return value
  const bytes: number[] = []
  for (const word of value.split(' ')) {
    const text = encodedWord.exec(word)?.[1]
    if (text === undefined || !pushQ(text, bytes)) return value
  }
  try {
    return decoder.decode(Uint8Array.from(bytes))
  } catch {
    return value
  }
}

/** `_` is a space, `=XX` a byte, everything else itself. */
const pushQ = (text: string, bytes: number[]): boolean => {
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (char !== '=') {
      bytes.push(char === '_' ? 0x20 : char.charCodeAt(0))
      continue
    }
    const hex = text.slice(i + 1, i + 3)
    if (!/^[0-9a-f]{2}$/i.test(hex)) return false
    bytes.push(Number.parseInt(hex, 16))
    i += 2
  }
  return true
}
