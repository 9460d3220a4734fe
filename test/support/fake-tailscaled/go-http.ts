import type { HeaderLines } from '../tailnet/http.ts'

/** `x-real-ip` → `X-Real-Ip`: how Go spells every header it passes on. An underscore starts no word. */
export const canonicalName = (name: string): string =>
  name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())

const maxContent = 75 - '=?UTF-8?q?'.length - '?='.length

const qEncoded = (character: string): string => {
  if (character === ' ') return '_'
  if (/^[!-~]$/.test(character) && !'=?_'.includes(character)) return character
  return [...Buffer.from(character)]
    .map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('')
}

/** Go's `mime.QEncoding.Encode("utf-8", …)`: RFC 2047, and only where printable ASCII does not do. */
export const qEncode = (text: string): string => {
  if (!text.isWellFormed()) return ''
  if (/^[\t -~]*$/.test(text)) return text
  const words = ['']
  for (const character of text) {
    const encoded = qEncoded(character)
    const word = words.at(-1) ?? ''
    if (word.length + encoded.length > maxContent) words.push(encoded)
    else words[words.length - 1] = word + encoded
  }
  return words.map((word) => `=?utf-8?q?${word}?=`).join(' ')
}

/** Go's `json.Marshal` of a map: keys in order, and nothing that HTML would read. */
export const marshal = (map: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))))
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')

const unreadable = /;|%(?![0-9a-f]{2})/i

/** Drops what Go cannot read from a query; one that it can read stays as it is, letter by letter. */
export const cleanQuery = (query: string): string => {
  if (!unreadable.test(query)) return query
  const read = query.split('&').filter((part) => part !== '' && !unreadable.test(part))
  const parameters = new URLSearchParams(read.join('&'))
  parameters.sort()
  return parameters.toString()
}

const hopByHop = [
  'Connection',
  'Proxy-Connection',
  'Keep-Alive',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'Te',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
]

const tokensOf = (headers: HeaderLines, name: string): string[] =>
  headers
    .filter(([given]) => given === name)
    .flatMap(([, value]) => value.split(','))
    .map((token) => token.trim())

/** What `httputil.ReverseProxy` leaves of headers, either way, under Go's spelling and in its order. */
export const withoutHopByHop = (given: HeaderLines): HeaderLines => {
  const headers = given.map(([name, value]) => [canonicalName(name), value] as const)
  const named = tokensOf(headers, 'Connection').map(canonicalName)
  const kept = headers.filter(([name]) => !hopByHop.includes(name) && !named.includes(name))
  if (tokensOf(headers, 'Te').includes('trailers')) kept.push(['Te', 'trailers'])
  const upgrade = tokensOf(headers, 'Upgrade')[0]
  if (upgrade !== undefined && named.includes('Upgrade')) {
    kept.push(['Connection', 'Upgrade'], ['Upgrade', upgrade])
  }
  return sorted(kept)
}

/** By name, as Go writes a header to the wire; lines of one name stay in their order. */
export const sorted = (headers: HeaderLines): HeaderLines =>
  headers.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
