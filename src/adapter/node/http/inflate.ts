import { once } from 'node:events'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import type { Inflate } from '../../../platform/platform.ts'

/** Content codings by Node's zlib, whose work is done on other threads. */
export const inflate: Inflate = {
  codings: ['gzip', 'deflate', 'br', 'zstd'],
  open: async function* open(coding, chunks) {
    const source = chunks[Symbol.asyncIterator]()
    const { value: first, done } = await source.next()
    if (done === true) throw new Error('there is nothing to inflate')
    const decoder = decoderFor(coding, first)
    // Whoever reads sees the failure; without a listener it would end the process.
    decoder.on('error', () => {})
    const feeding = feed(decoder, first, source)
    yield* decoder as AsyncIterable<Uint8Array>
    await feeding
  },
}

type Decoder = ReturnType<typeof decoderFor>

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

/** Writes at the pace of the reader, and stops once it has given up. */
const feed = async (
  decoder: Decoder,
  first: Uint8Array,
  source: AsyncIterator<Uint8Array>,
): Promise<void> => {
  try {
    let chunk: IteratorResult<Uint8Array> = { value: first, done: false }
    for (; chunk.done !== true && !decoder.destroyed; chunk = await source.next()) {
      if (decoder.write(chunk.value) || decoder.destroyed) continue
      await Promise.race([once(decoder, 'drain'), once(decoder, 'close')])
    }
    if (!decoder.destroyed) decoder.end()
  } catch (error) {
    // The client broke off, or sent more than it may: the reader is given that reason.
    decoder.destroy(error as Error)
  }
}

/** RFC 1950 §2.2: method 8, and a header that is a multiple of 31. */
const isZlib = ([method = 0, flags = 0]: Uint8Array): boolean =>
  (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0
