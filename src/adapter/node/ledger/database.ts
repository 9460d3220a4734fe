import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Client } from '@libsql/client'
import { migrate, SchemaTooNew } from '../../../ledger/store/migrate.ts'
import type { Database } from '../../../ledger/store/schema.ts'
import { errorCode, errorMessage, UnusableDatabase } from './errors.ts'
import { migrations } from './migrations.ts'
import { keepCopy } from './snapshot-before-migration.ts'

export interface DatabaseOptions {
  /** `file:…`, relative to `dataDir` unless absolute, or `libsql://…`, `https://…`, `http://…`. */
  readonly url: string
  readonly authToken: string | undefined
  readonly dataDir: string
}

export interface OpenDatabase {
  readonly db: Database
  readonly client: Client
  close(): void
}

type Connection = Omit<OpenDatabase, 'close'>

/** A server that does not answer within this is taken for gone, ms. */
const REMOTE_TIMEOUT = 10_000

/** A write-ahead log that a long reader let grow is cut back to this, bytes. */
const WAL_LEFT = 16 * 1024 * 1024

/** The pages that each row changes, of ten indexes and the sums, stay at hand; memory is taken as it is needed, bytes. */
const CACHE = 32 * 1024 * 1024

/**
 * Opens the ledger and brings its schema up to date. A new file is readable by its owner only.
 *
 * One connection, so that the pragmas hold for every statement. `@libsql/client` has `timeout` for a locked database,
 * but waits synchronously: callers retry instead.
 *
 * @throws UnusableDatabase when the file is not a database; it is left as it is.
 * @throws SchemaTooNew
 */
export const openDatabase = async (options: DatabaseOptions): Promise<OpenDatabase> => {
  const path = filePath(options)
  const open = await openAsItIs(options)
  try {
    if (path !== undefined) {
      await prepareFile(open.client)
      await keepCopy(open, path)
    }
    await migrate(open.db, migrations())
  } catch (error) {
    open.close()
    throw path === undefined ? error : explained(error, path)
  }
  return open
}

/**
 * Opens a database whatever its schema is, and changes nothing of it. A file that is not there is made.
 * @throws UnusableDatabase
 */
export const openAsItIs = async (options: DatabaseOptions): Promise<OpenDatabase> => {
  const path = filePath(options)
  const { client, db } = path === undefined ? await connect(options) : await openFile(path)
  return { db, client, close: () => client.close() }
}

/** Where the database lies, undefined when it is a server's. */
export const filePath = ({ url, dataDir }: Pick<DatabaseOptions, 'url' | 'dataDir'>) => {
  if (!url.startsWith('file:')) return undefined
  if (url.startsWith('file://')) return fileURLToPath(url)
  const path = decodeURIComponent(url.slice('file:'.length))
  return isAbsolute(path) ? path : join(dataDir, path)
}

/** Could a failure to open pass by itself? A server may come back; a file only when another process holds it. */
export const mayPass = (error: unknown, url: string): boolean => {
  if (error instanceof UnusableDatabase || error instanceof SchemaTooNew) return false
  return !url.startsWith('file:') || errorCode(error).startsWith('SQLITE_BUSY')
}

const openFile = async (path: string): Promise<Connection> => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // SQLite gives its WAL the mode of the database.
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  const [{ createClient }, { drizzle }] = await Promise.all([
    import('@libsql/client/sqlite3'),
    import('drizzle-orm/libsql/sqlite3'),
  ])
  try {
    const client = createClient({ url: pathToFileURL(path).href, concurrency: 1 })
    return { client, db: drizzle({ client }) }
  } catch (error) {
    throw explained(error, path)
  }
}

const connect = async ({ url, authToken }: DatabaseOptions): Promise<Connection> => {
  const [{ createClient }, { drizzle }] = await Promise.all([
    import('@libsql/client/http'),
    import('drizzle-orm/libsql/http'),
  ])
  const client = createClient({
    url,
    ...(authToken === undefined ? {} : { authToken }),
    fetch: (request: Request) => fetch(request, { signal: AbortSignal.timeout(REMOTE_TIMEOUT) }),
  })
  return { client, db: drizzle({ client }) }
}

const prepareFile = async (client: Client): Promise<void> => {
  // Of a new file only: purge.ts gives back what captures took.
  await client.execute('PRAGMA auto_vacuum = INCREMENTAL')
  // What is deleted is overwritten, so that nobody reads it in the file any more.
  await client.execute('PRAGMA secure_delete = ON')
  await client.execute('PRAGMA journal_mode = WAL')
  // docs/decisions: an fsync for each batch, so that a power cut loses no more than `kill -9` does.
  await client.execute('PRAGMA synchronous = FULL')
  await client.execute(`PRAGMA journal_size_limit = ${WAL_LEFT}`)
  await client.execute(`PRAGMA cache_size = -${CACHE / 1024}`)
}

const explained = (error: unknown, path: string): unknown => {
  const code = errorCode(error)
  if (code !== 'SQLITE_NOTADB' && code !== 'SQLITE_CORRUPT') return error
  return new UnusableDatabase(
    `${path} is damaged or no database (${errorMessage(error)}). It was left as it is: move it away ` +
      'to begin a new ledger, or put a backup in its place',
    error,
  )
}
