import type { Inflate } from '../../platform/platform.ts'

/** What workerd decodes; it knows neither Brotli nor Zstandard. */
export const inflate: Inflate = {
  codings: ['gzip', 'deflate'],
  open: (coding, chunks) => {
    const decoder = new DecompressionStream(coding as 'gzip' | 'deflate')
    const writer = decoder.writable.getWriter()
    const write = async (): Promise<void> => {
      for await (const chunk of chunks) await writer.write(chunk)
      await writer.close()
    }
    // The reader sees the same failure.
    write().catch((error: unknown) => writer.abort(error).catch(() => {}))
    return decoder.readable
  },
}
