import { compose, Readable } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import type { Inflate } from '../../platform.ts'

/** Content codings by Node's zlib, whose work is done on other threads. */
export const inflate: Inflate = {
  codings: ['gzip', 'deflate', 'br', 'zstd'],
  open: async function* open(coding, chunks) {
    const source = chunks[Symbol.asyncIterator]()
    const { value: first, done } = await source.next()
    if (done === true) throw new Error('there is nothing to inflate')
    const all = async function* all() {
      yield first
      for (let next = await source.next(); next.done !== true; next = await source.next()) {
        yield next.value
      }
    }
    yield* compose(Readable.from(all()), decoderFor(coding, first)) as AsyncIterable<Uint8Array>
  },
}

const decoderFor = (coding: string, first: Uint8Array) => {
  switch (coding) {
    case 'gzip':
      return createGunzip()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress()
    default:
      // RFC 9110 §8.4.1.2 means zlib's format; some clients send the bare one.
      return isZlib(first) ? createInflate() : createInflateRaw()
  }
}

/** RFC 1950 §2.2: method 8, and a header that is a multiple of 31. */
const isZlib = ([method = 0, flags = 0]: Uint8Array): boolean =>
  (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0
