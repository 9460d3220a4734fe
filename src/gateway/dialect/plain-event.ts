/**
 * Nearly all events of a stream hold a piece of text and nothing else that is of interest. They are not parsed, as that
 * takes three times as long: the text is found where each dialect writes it.
 * @returns bytes of the text in UTF-8; undefined: the event has to be parsed
 */
export const plainText = (raw: string): number | undefined => {
  const delta = raw.indexOf(DELTA)
  if (delta < 0) return textOfResponse(raw)
  const start = delta + DELTA.length
  if (raw.startsWith(ANTHROPIC, start)) return textTo(raw, start + ANTHROPIC.length, '}}')?.bytes
  // Some servers repeat the role in each event.
  const said = raw.startsWith(ROLE, start) ? start + ROLE.length : start
  if (!raw.startsWith(CONTENT, said)) return undefined
  const text = textTo(raw, said + CONTENT.length, '}')
  // An error in the middle of a stream comes with an empty text.
  if (text === undefined || text.bytes === 0 || holdsMore(raw, text.end)) return undefined
  return text.bytes
}

const DELTA = '"delta":{'
const ANTHROPIC = '"type":"text_delta","text":"'
const ROLE = '"role":"assistant",'
const CONTENT = '"content":"'
const RESPONSE = '"type":"response.output_text.delta"'
const RESPONSE_TEXT = '"delta":"'

/** Another choice, which follows the text, or what was used. */
const holdsMore = (raw: string, from: number): boolean =>
  raw.indexOf(DELTA, from) >= 0 || raw.includes('"usage":{')

const textOfResponse = (raw: string): number | undefined => {
  if (!raw.includes(RESPONSE)) return undefined
  const at = raw.indexOf(RESPONSE_TEXT)
  return at < 0 ? undefined : textTo(raw, at + RESPONSE_TEXT.length, '')?.bytes
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75

/** A string as JSON writes it, up to its closing quote; undefined: it has none, or something else follows. */
const textTo = (
  raw: string,
  from: number,
  follows: string,
): { readonly bytes: number; readonly end: number } | undefined => {
  let bytes = 0
  for (let at = from; at < raw.length; at++) {
    let code = raw.charCodeAt(at)
    if (code === QUOTE) return raw.startsWith(follows, at + 1) ? { bytes, end: at } : undefined
    if (code === BACKSLASH) {
      at++
      if (raw.charCodeAt(at) === LETTER_U) {
        code = Number.parseInt(raw.slice(at + 1, at + 5), 16)
        at += 4
      }
    }
    bytes += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3
  }
  return undefined
}
