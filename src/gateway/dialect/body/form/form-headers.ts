import { Failure } from '../../../../platform/failure.ts'

/** What the headers of a part say. */
export interface PartHead {
  readonly name: string
  /** Present: the part is a file. */
  readonly filename: string | undefined
  readonly contentType: string | undefined
}

export const brokenForm = (what: string): Failure =>
  new Failure('invalid_request', `The form is not valid multipart/form-data: ${what}.`)

/** RFC 2046 §5.1.1. */
const BOUNDARY = /^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/

/**
 * The boundary that a `Content-Type: multipart/form-data` declares. Two of them, or one in RFC 2231's spelling, are
 * read differently by different parsers and refused.
 * @throws Failure `invalid_request`
 */
export const boundaryOf = (contentType: string): string => {
  const semicolon = contentType.indexOf(';')
  const parameters = semicolon < 0 ? [] : parametersOf(contentType.slice(semicolon))
  if (parameters === undefined) throw brokenForm('its Content-Type cannot be read')
  const boundaries = parameters.filter(([name]) => name.startsWith('boundary'))
  const [only] = boundaries
  if (boundaries.length !== 1 || only?.[0] !== 'boundary') {
    throw brokenForm('its Content-Type must name exactly one boundary')
  }
  if (!BOUNDARY.test(only[1])) throw brokenForm('its boundary is not one that RFC 2046 allows')
  return only[1]
}

type Parameter = readonly [name: string, value: string]

const TOKEN = "[\\w!#$%&'*+.^`|~-]+"
const PARAMETER = new RegExp(
  `[ \\t]*;[ \\t]*(?:(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}|[^\\s";]+)))?[ \\t]*`,
  'sy',
)

/** `; name=value; name="value"` (RFC 9110 §5.6.6), names in lower case. Undefined where it is anything else. */
const parametersOf = (text: string): Parameter[] | undefined => {
  const parameters: Parameter[] = []
  const pattern = new RegExp(PARAMETER)
  let at = 0
  while (at < text.length) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (!match) return undefined
    const [found, name, inQuotes, bare] = match
    if (name !== undefined) parameters.push([name.toLowerCase(), value(inQuotes, bare)])
    at += found.length
  }
  return parameters
}

/** A backslash escapes a quote and itself; before anything else it is one, as in a path of Windows. */
const value = (inQuotes: string | undefined, bare: string | undefined): string =>
  inQuotes === undefined ? (bare ?? '') : inQuotes.replace(/\\(["\\])/g, '$1')

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the header lines of one part (RFC 7578 §4.2 to §4.8). What parsers read differently has no reading here.
 * @throws Failure `invalid_request`
 */
export const readPartHead = (bytes: Uint8Array): PartHead => {
  const headers = headerLines(bytes)
  const disposition = headers.get('content-disposition')
  const parameters =
    disposition === undefined ? undefined : parametersOf(disposition.replace(/^form-data/i, ''))
  if (disposition === undefined || !/^form-data[ \t]*;/i.test(disposition) || !parameters) {
    throw brokenForm('a part has no Content-Disposition that can be read')
  }
  const coding = headers.get('content-transfer-encoding')
  // Go undoes quoted-printable, others do not (RFC 7578 §4.7 deprecates the header).
  if (coding !== undefined && !/^(?:7bit|8bit|binary)$/i.test(coding)) {
    throw brokenForm('a part has a Content-Transfer-Encoding, which servers read differently')
  }
  const contentType = headers.get('content-type')
  if (contentType !== undefined && /^multipart\//i.test(contentType)) {
    throw brokenForm('a part is a form itself, which servers read differently')
  }
  return { name: nameOf(parameters), filename: filenameOf(parameters), contentType }
}

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/

/** By hand: `[ \t]*$` takes the square of the blanks where something follows them. */
const withoutBlanks = (text: string): string => {
  const isBlank = (at: number): boolean => text[at] === ' ' || text[at] === '\t'
  let [start, end] = [0, text.length]
  while (start < end && isBlank(start)) start++
  while (end > start && isBlank(end - 1)) end--
  return text.slice(start, end)
}

const headerLines = (bytes: Uint8Array): ReadonlyMap<string, string> => {
  const headers = new Map<string, string>()
  const text = decode(bytes)
  for (const line of text === '' ? [] : text.split('\r\n')) {
    const colon = line.indexOf(':')
    if (!HEADER_NAME.test(line.slice(0, Math.max(0, colon))) || /[\r\n\u0000]/.test(line)) {
      throw brokenForm('a part has a header line that cannot be read')
    }
    const name = line.slice(0, colon).toLowerCase()
    if (headers.has(name)) throw brokenForm(`a part has two ${name} headers`)
    headers.set(name, withoutBlanks(line.slice(colon + 1)))
  }
  return headers
}

const decode = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    throw brokenForm('the header of a part is not valid UTF-8')
  }
}

const nameOf = (parameters: readonly Parameter[]): string => {
  const names = parameters.filter(([name]) => /^name(?:\*|$)/.test(name))
  const [only] = names
  if (names.length !== 1 || only?.[0] !== 'name') {
    throw brokenForm('a part must have exactly one name, without RFC 2231 encoding')
  }
  // Brackets as SDKs write lists; nothing that a header could be broken with.
  if (!/^[\w.\-[\]: ]{1,128}$/.test(only[1])) {
    throw brokenForm('the name of a part holds a character that servers read differently')
  }
  return only[1]
}

/** RFC 6266 §4.3: the encoded form counts where both are there. */
const filenameOf = (parameters: readonly Parameter[]): string | undefined => {
  const plain = parameters.filter(([name]) => name === 'filename')
  const encoded = parameters.filter(([name]) => name === 'filename*')
  const others = parameters.filter(([name]) => /^filename\*\d/.test(name))
  if (plain.length > 1 || encoded.length > 1 || others.length > 0) {
    throw brokenForm('a part has several file names')
  }
  const [first] = encoded
  if (first === undefined) return plain[0]?.[1]
  const coded = /^utf-8'[\w-]*'([\w!#$&+.^`|~%-]*)$/i.exec(first[1])?.[1]
  try {
    if (coded !== undefined) return decodeURIComponent(coded)
  } catch {}
  throw brokenForm('a file name cannot be read')
}

/**
 * The same head as every parser reads it. A file name loses its folders, as RFC 7578 §4.2 wants, and what quotes cannot
 * hold (WHATWG HTML §4.10.21.8).
 */
export const writePartHead = ({ name, filename, contentType }: PartHead): string => {
  const lines = [`Content-Disposition: form-data; name="${name}"`]
  if (filename !== undefined) {
    const base = filename.slice(Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\')) + 1)
    // Without a name Go reads a field, and Python a file.
    const safe = (base || 'file')
      .toWellFormed()
      .replaceAll('"', '%22')
      .replace(/[\u0000-\u001f\u007f]/g, '_')
    lines[0] += `; filename="${safe}"`
  }
  if (contentType !== undefined && isMediaType(contentType, filename !== undefined)) {
    lines.push(`Content-Type: ${contentType}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** A text in another charset would be decoded by some readers and not by others. */
const isMediaType = (contentType: string, isFile: boolean): boolean =>
  isFile
    ? /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[ \t]*;[ \t]*[\w-]+=(?:[\w.+-]+|"[\w.+ -]*"))*$/.test(
        contentType,
      )
    : /^(?:text\/plain|application\/json)(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i.test(contentType)
