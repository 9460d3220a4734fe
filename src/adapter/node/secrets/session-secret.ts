import { randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'

/** HS256 with less could be guessed (RFC 7518 §3.2). */
const bytes = 32

/**
 * The key that signs browser sessions, `session.key` in the data directory. Made at the first start, so that sessions
 * outlive restarts; whoever can read it can sign in as anybody, so nobody else may.
 * @throws Error with a message for people when the file is too short or others may read it
 */
export const readSessionSecret = async (dataDir: string): Promise<Uint8Array> => {
  const path = join(dataDir, 'session.key')
  return (await create(path)) ?? (await read(path))
}

/** Undefined: there is one. */
const create = async (path: string): Promise<Uint8Array | undefined> => {
  const file = await open(path, 'wx', 0o600).catch(unless('EEXIST'))
  if (!file) return undefined
  const secret = randomBytes(bytes)
  await closing(file, async () => {
    await file.writeFile(secret)
    await file.sync()
  })
  return secret
}

const read = async (path: string): Promise<Uint8Array> => {
  const file = await open(path, 'r')
  return closing(file, async () => {
    const { mode } = await file.stat()
    // Windows has no such bits; there the data directory's own rights count.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Error(`${path} can be read by others; run: chmod 600 ${path}`)
    }
    const secret = await file.readFile()
    if (secret.byteLength >= bytes) return secret
    throw new Error(
      `${path} has less than ${bytes} bytes; remove it, and everybody signs in once more`,
    )
  })
}

const closing = async <Result>(file: FileHandle, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work()
  } finally {
    await file.close()
  }
}

const unless = (code: string) => (error: NodeJS.ErrnoException) => {
  if (error.code === code) return undefined
  throw error
}
