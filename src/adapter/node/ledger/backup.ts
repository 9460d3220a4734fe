import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Client, createClient } from '@libsql/client/sqlite3'
import { errorCode, errorMessage, knownMigrations } from './database.ts'
import { holdDataDir } from './lock.ts'

/** Nothing was changed; the message says why, for people. */
export class BackupRefused extends Error {
  override readonly name = 'BackupRefused'
}

export interface Backup {
  readonly rows: number
  /** Version of the schema. */
  readonly version: number
  readonly bytes: number
}

/**
 * Copies a ledger while it is in use: one state of it, checked, readable by its owner only. What is at `to` is replaced
 * at the end, in one step. The ledger is read as it is, and not brought up to date.
 */
export const backUp = async (from: string, to: string): Promise<Backup> => {
  const partial = `${to}.partial`
  rmSync(partial, { force: true })
  // SQLite fills an empty file, and leaves its mode.
  closeSync(openSync(partial, 'wx', 0o600))
  try {
    await using(from, (client) => client.execute({ sql: 'VACUUM INTO ?', args: [partial] }))
    const found = await examine(partial)
    settle(partial, to)
    return found
  } finally {
    rmSync(partial, { force: true })
  }
}

export interface RestoreOptions {
  readonly from: string
  /** Where the ledger lies. */
  readonly to: string
  readonly dataDir: string
  /** A ledger that is there is put aside instead of being a reason to refuse. */
  readonly force: boolean
}

export interface Restored extends Backup {
  /** Where the ledger that was there is now. */
  readonly kept: string | undefined
}

/**
 * Puts a backup in the ledger's place while no gateway runs. The backup is copied and checked before anything else is
 * touched.
 * @throws BackupRefused @throws UnusableDatabase when a gateway runs
 */
export const restore = async ({ from, to, dataDir, force }: RestoreOptions): Promise<Restored> => {
  if (!existsSync(from)) throw new BackupRefused(`there is no ${from}`)
  if (sizeOf(`${from}-wal`) > 0) {
    throw new BackupRefused(
      `${from} is in use, or was copied while it was: make a backup of it by \`postern backup\``,
    )
  }
  const letGo = await holdDataDir(dataDir)
  const partial = `${to}.restoring`
  try {
    rmSync(partial, { force: true })
    closeSync(openSync(partial, 'wx', 0o600))
    await copyFile(from, partial)
    const found = await examine(partial)
    const kept = existsSync(to) ? await putAside(to, force) : undefined
    settle(partial, to)
    return { ...found, kept }
  } finally {
    rmSync(partial, { force: true })
    letGo()
  }
}

const using = async <T>(path: string, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = createClient({ url: pathToFileURL(path).href, concurrency: 1 })
  try {
    return await work(client)
  } finally {
    client.close()
  }
}

/** Is it whole, a ledger, and of a version that is known? */
const examine = (path: string): Promise<Backup> =>
  using(path, async (client) => {
    const { rows: checks } = await client.execute('PRAGMA integrity_check')
    const verdict = String(checks[0]?.[0])
    if (verdict !== 'ok') throw new BackupRefused(`it is damaged: ${verdict}`)
    const { rows } = await client.execute(
      'SELECT (SELECT max(version) FROM schema_migrations), (SELECT count(*) FROM usage)',
    )
    const [version, count] = [Number(rows[0]?.[0]), Number(rows[0]?.[1])]
    const newest = Math.max(...knownMigrations().map(({ name }) => Number(name.slice(0, 4))))
    if (version > newest) {
      throw new BackupRefused(`a newer Postern wrote it (schema ${version}, known up to ${newest})`)
    }
    return { rows: count, version, bytes: statSync(path).size }
  }).catch((error: unknown) => {
    if (error instanceof BackupRefused) throw error
    throw new BackupRefused(`it is no ledger, or damaged: ${errorMessage(error)}`)
  })

/** Its write-ahead log goes into it first, so that one file is all there is to it. */
const putAside = async (path: string, force: boolean): Promise<string> => {
  if (!force) {
    throw new BackupRefused(`there is a ledger at ${path} already: --force puts it aside`)
  }
  const kept = `${path}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
  const whole = await using(path, (client) => client.execute('PRAGMA wal_checkpoint(TRUNCATE)'))
    .then(() => sizeOf(`${path}-wal`) === 0)
    .catch((error: unknown) => {
      if (errorCode(error).startsWith('SQLITE_BUSY')) throw new BackupRefused(`${path} is in use`)
      return false
    })
  renameSync(path, kept)
  for (const part of ['-wal', '-shm']) {
    if (!existsSync(path + part)) continue
    // What could not be taken in stays beside it; what was is empty.
    if (whole) rmSync(path + part)
    else renameSync(path + part, kept + part)
  }
  return kept
}

/** In one step, and so that a power cut does not take it back. */
const settle = (partial: string, path: string): void => {
  flush(partial)
  renameSync(partial, path)
  flush(dirname(path))
}

const flush = (path: string): void => {
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0)
