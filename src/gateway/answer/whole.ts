import type { AnswerKind } from '../../platform/answer.ts'
import { parse } from '../dialect/json.ts'
import { EventSplitter, eventData } from './events.ts'
import { FrameSplitter, frameText } from './frames.ts'
import { LineSplitter, ListSplitter } from './json-stream.ts'
import { assumedKind, expectedKinds, labelledKind, sniff } from './kind.ts'

const text = new TextDecoder()

/** The kind of an answer that is all there. */
export const kindOf = (bytes: Uint8Array, contentType: string): AnswerKind => {
  const question = { expected: expectedKinds(undefined, false), label: labelledKind(contentType) }
  const verdict = sniff(bytes, question)
  return verdict === 'more' || verdict === 'page' ? assumedKind(question) : verdict
}

/** What an answer says, event by event, or as its one value; what is not JSON is left out. */
export const valuesIn = (bytes: Uint8Array, kind: AnswerKind): readonly unknown[] => {
  switch (kind) {
    case 'events':
      return split(new EventSplitter(), bytes, (event) => eventData(text.decode(event)))
    case 'lines':
      return split(new LineSplitter(), bytes, (line) => text.decode(line))
    case 'list':
      return split(new ListSplitter(), bytes, (element) => text.decode(element))
    case 'frames':
      return values(
        new FrameSplitter()
          .push(bytes)
          .map((piece) => (piece instanceof Uint8Array ? '' : frameText(piece))),
      )
    case 'json':
      return jsonIn(bytes)
    case 'opaque':
      return []
  }
}

interface Splitter {
  push(chunk: Uint8Array): readonly Uint8Array[]
  rest(): Uint8Array
}

const split = (
  splitter: Splitter,
  bytes: Uint8Array,
  json: (piece: Uint8Array) => string,
): readonly unknown[] => values([...splitter.push(bytes), splitter.rest()].map(json))

const values = (texts: readonly string[]): readonly unknown[] =>
  texts.map(parse).filter((value) => value !== undefined)

/** One value, or several in lines: a server that was not asked to stream may do so unasked. */
const jsonIn = (bytes: Uint8Array): readonly unknown[] => {
  const value = parse(text.decode(bytes))
  return value === undefined ? valuesIn(bytes, 'lines') : [value]
}
