import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, chown, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { type ParseResult, parseConfig } from '../../../config/parse.ts'
import type { Problem } from '../../../config/problem.ts'
import { MAX_CONFIG_SIZE } from '../../../config/read/source.ts'
import type { Lookup } from '../../../config/values/references.ts'

/** `version` names the content that was read, so that a watcher can tell whether it has changed since. */
export type LoadResult = ParseResult & { readonly version: string; readonly text: string }

/** A secret in a file of its own is a line, not a book. */
const MAX_SECRET_SIZE = 64 * 1024

/**
 * Reads and checks the configuration. References are looked up in the environment and relative to the file's folder.
 * A file that cannot be read is a problem like any other; never rejects.
 */
export async function loadConfig(path: string): Promise<LoadResult> {
  try {
    const { size, mode } = await stat(path)
    // Judged before it is read: the size alone could exhaust memory.
    const text = size > 4 * MAX_CONFIG_SIZE ? undefined : await readFile(path, 'utf8')
    const exposed = process.platform !== 'win32' && (mode & 0o004) !== 0
    const result = parseText(path, text ?? ' '.repeat(MAX_CONFIG_SIZE + 1), exposed)
    const version = text === undefined ? `size ${size}` : versionOf(text)
    return { ...result, version, text: text ?? '' }
  } catch (error) {
    return { problems: [unreadable(path, error)], version: codeOf(error), text: '' }
  }
}

/** What the gateway would make of this text, were it in the file at `path`. */
export const parseText = (path: string, text: string, exposed = false): ParseResult =>
  parseConfig(text, { file: path, ...lookupFor(path), exposed })

/** Where references of a file at `path` lead. */
export const lookupFor = (path: string): Lookup => ({
  env: (name) => process.env[name],
  readFile: (name) => readSecret(resolve(dirname(path), name)),
})

function readSecret(path: string): string | undefined {
  try {
    const content = readFileSync(path)
    return content.length > MAX_SECRET_SIZE ? undefined : content.toString('utf8')
  } catch {
    return undefined
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

function unreadable(path: string, error: unknown): Problem {
  const code = codeOf(error)
  const [message, remedy] =
    code === 'ENOENT'
      ? ['there is no such file', 'Run `postern init`, or name another with --config']
      : [`the file cannot be read (${code})`, 'Check its owner and mode']
  return { severity: 'error', file: path, line: 1, column: 1, path: '', message, remedy }
}

export const versionOf = (text: string): string => createHash('sha256').update(text).digest('hex')

export interface WatchOptions {
  /** `version` of the load that is in force; absent: the content at the time of the call. */
  readonly since?: string
}

const POLL_MS = 250
/** Nothing may have moved for this long, so that a file is not read while it is being written. */
const SETTLE_MS = 100

/**
 * Calls `onChange` once for each change of the file's content: written in place, replaced by rename, behind a switched
 * symlink, gone or back again; within half a second of the last write. Polls, because `fs.watch` holds on to an inode
 * or a folder and misses symlinks, bind mounts and network file systems. Does not look at files named by `file:`.
 */
export function watchConfig(
  path: string,
  onChange: () => void,
  { since }: WatchOptions = {},
): { close(): void } {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let version = since
  let seen = ''
  let settled = false
  const look = async (): Promise<void> => {
    const now = await stampOf(path)
    if (now !== seen) {
      seen = now
      settled = false
    } else if (!settled) {
      settled = true
      const current = await contentVersion(path)
      const isChange = version !== undefined && current !== version
      version = current
      if (isChange && !closed) onChange()
    }
    if (!closed) timer = setTimeout(look, settled ? POLL_MS : SETTLE_MS)
  }
  const begin = async (): Promise<void> => {
    version ??= await contentVersion(path)
    await look()
  }
  void begin()
  return {
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return codeOf(error)
  }
}

async function contentVersion(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    return size > 4 * MAX_CONFIG_SIZE ? `size ${size}` : versionOf(await readFile(path, 'utf8'))
  } catch (error) {
    return codeOf(error)
  }
}

/**
 * Replaces the file in one step, so that a reader sees the old text or the new, also after a power cut. Keeps the mode
 * and, for root, the owner; a new file is for its owner alone. A symlink stays one. Rejects when the folder cannot be
 * written.
 */
export async function writeConfig(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => resolve(path))
  const before = await stat(target).catch(() => undefined)
  const temporary = `${dirname(target)}/.${basename(target)}.${randomBytes(6).toString('hex')}`
  try {
    await writeDurably(temporary, text)
    if (before) await chmod(temporary, before.mode & 0o777)
    if (before && process.getuid?.() === 0) await chown(temporary, before.uid, before.gid)
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(target))
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The rename itself is on disk only when the folder is. Windows cannot open folders. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}
