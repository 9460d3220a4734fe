import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'

/** The journal holds as much as it may. */
export class JournalFull extends Error {
  constructor(bytes: number) {
    super(`the journal holds ${bytes} bytes and may not grow`)
    this.name = 'JournalFull'
  }
}

/** Lines from the head of the journal, and the bytes they take. */
export interface Chunk {
  readonly lines: readonly string[]
  readonly bytes: number
}

const CHUNK_BYTES = 1024 * 1024
const NEWLINE = 0x0a

/**
 * Where rows wait, fsynced, while the database does not take them: one JSON text a line. Synchronous, for a worker
 * that has nothing else to do. What a crash tore (a last line without its newline) was never acknowledged, and goes.
 *
 * After a crash between a commit and `drop` the same lines come again: the rows' ids make that harmless.
 */
export class Journal {
  readonly #fd: number
  readonly #maxBytes: number
  /** Start of the first line not yet in the database. */
  #head = 0
  #end: number

  /** @throws what `fs` throws when the file cannot be made. */
  constructor(path: string, maxBytes: number) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    this.#maxBytes = maxBytes
    this.#end = this.#lastNewline()
  }

  get bytes(): number {
    return this.#end - this.#head
  }

  /**
   * Returns once the lines are on the disk, all of them or none.
   * @throws JournalFull, or what `fs` throws (`ENOSPC`, `EIO`).
   */
  append(lines: readonly string[]): void {
    const data = Buffer.from(`${lines.join('\n')}\n`)
    if (this.#end + data.length > this.#maxBytes) throw new JournalFull(this.#end)
    try {
      let written = 0
      while (written < data.length) {
        written += writeSync(this.#fd, data, written, data.length - written, this.#end + written)
      }
      fsyncSync(this.#fd)
    } catch (error) {
      this.#truncate(this.#end)
      throw error
    }
    this.#end += data.length
  }

  /** At most `most` lines from the head, undefined when there are none. They stay until `drop`. */
  peek(most: number): Chunk | undefined {
    let size = CHUNK_BYTES
    while (this.bytes > 0) {
      const data = this.#read(this.#head, Math.min(size, this.bytes))
      const bytes = endOfLine(data, most)
      if (bytes > 0) return { lines: linesOf(data.subarray(0, bytes)), bytes }
      size *= 2
    }
    return undefined
  }

  /** Forgets the lines of a chunk, which are in the database now. An emptied journal gives its space back. */
  drop(chunk: Chunk): void {
    this.#head += chunk.bytes
    if (this.bytes > 0) return
    this.#head = 0
    this.#end = 0
    this.#truncate(0)
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Positions are kept by us, so a failure to cut leaves bytes that the next append overwrites. */
  #truncate(size: number): void {
    try {
      ftruncateSync(this.#fd, size)
      fsyncSync(this.#fd)
    } catch {}
  }

  #lastNewline(): number {
    const { size } = fstatSync(this.#fd)
    let end = size
    while (end > 0) {
      const start = Math.max(0, end - CHUNK_BYTES)
      const at = this.#read(start, end - start).lastIndexOf(NEWLINE)
      if (at !== -1) {
        end = start + at + 1
        break
      }
      end = start
    }
    if (end < size) ftruncateSync(this.#fd, end)
    return end
  }

  #read(position: number, length: number): Buffer {
    const data = Buffer.alloc(length)
    const read = readSync(this.#fd, data, 0, length, position)
    return data.subarray(0, read)
  }
}

/** Bytes of the first `most` whole lines, 0 when not even one is whole. */
const endOfLine = (data: Buffer, most: number): number => {
  let end = 0
  for (let lines = 0; lines < most; lines++) {
    const at = data.indexOf(NEWLINE, end)
    if (at === -1) break
    end = at + 1
  }
  return end
}

const linesOf = (data: Buffer): string[] =>
  data
    .toString()
    .split('\n')
    .filter((line) => line !== '')
