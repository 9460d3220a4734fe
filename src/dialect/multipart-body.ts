import { Failure } from '../http/errors.ts'
import { modelName } from './json-body.ts'

const latin1 = new TextDecoder('latin1')
const maxParts = 64
const maxPartHeader = 8 * 1024

/** Where the value of the `model` part lies, in bytes. */
export interface ModelPart {
  readonly model: string
  readonly start: number
  readonly end: number
}

/**
 * Finds the `model` field of a form without touching its files. Bytes are looked at as latin1, which maps each to one
 * character, so that offsets in the text are offsets in the body.
 * @throws Failure when the form is broken, has no `model`, or has two of them.
 */
export const findModelPart = (bytes: Uint8Array, contentType: string): ModelPart => {
  const boundary = /boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(contentType)
  const delimiter = `--${boundary?.[1] ?? boundary?.[2] ?? ''}`
  const text = latin1.decode(bytes)
  if (!boundary || !text.startsWith(delimiter)) throw broken('its boundary is missing')
  const found: ModelPart[] = []
  let at = 0
  for (let part = 0; ; part++) {
    if (part > maxParts) throw broken(`it has more than ${maxParts} parts`)
    const next = text.indexOf(`\r\n${delimiter}`, at)
    if (next < 0) {
      if (text.startsWith(`${delimiter}--`, at)) break
      throw broken('it has no closing boundary')
    }
    const model = modelIn(text, at + delimiter.length + 2, next)
    if (model) found.push(model)
    at = next + 2
  }
  const [model, second] = found
  if (!model) throw new Failure('invalid_request', 'The form field "model" is missing.')
  if (second) throw new Failure('invalid_request', 'The form field "model" is given twice.')
  return model
}

const modelIn = (text: string, from: number, end: number): ModelPart | undefined => {
  const headersEnd = text.indexOf('\r\n\r\n', from)
  if (headersEnd < 0 || headersEnd > end || headersEnd - from > maxPartHeader) {
    throw broken('a part has no valid header')
  }
  const headers = text.slice(from, headersEnd)
  if (!/^content-disposition:[^\r\n]*;\s*name="?model"?\s*(?:;|\r|$)/im.test(headers))
    return undefined
  const start = headersEnd + 4
  return { model: modelName(text.slice(start, end)), start, end }
}

const broken = (what: string): Failure =>
  new Failure('invalid_request', `The form is not valid multipart/form-data: ${what}.`)

/** The form with another model name in it; the same bytes when the name stays. */
export const withModel = (bytes: Uint8Array, part: ModelPart, model: string): Uint8Array => {
  if (model === part.model) return bytes
  const name = new TextEncoder().encode(model)
  const changed = new Uint8Array(part.start + name.length + (bytes.length - part.end))
  changed.set(bytes.subarray(0, part.start))
  changed.set(name, part.start)
  changed.set(bytes.subarray(part.end), part.start + name.length)
  return changed
}
