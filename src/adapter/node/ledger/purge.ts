import { statSync } from 'node:fs'
import type { Client } from '@libsql/client'
import { purgeCaptures } from '../../../ledger/store/captures.ts'
import type { Retention } from '../../../platform/records/captured.ts'
import type { OpenDatabase } from './database.ts'
import { errorMessage } from './errors.ts'
import type { FromWorker } from './protocol.ts'

/** Captures that are emptied at once, so that no write waits long. */
const AT_ONCE = 100
/** A server is not asked that often. */
const AT_ONCE_THERE = 1000
/** Pages that are given back at once. */
const PAGES = 500
/** When nothing is due, it is looked again after this, ms. */
const REST = 60_000
/** A larger file is not written anew while a gateway waits for it, bytes. */
const LARGE = 256 * 1024 * 1024

/** Removes captures that were kept long enough, and gives their room back, a little at a time. */
export class Purge {
  readonly #path: string | undefined
  readonly #send: (message: FromWorker) => void
  #retention: Retention | undefined
  #next = 0
  #prepared = false
  #dirty = false

  /** @param path of the file; undefined on a server, which sees to its own room */
  constructor(path: string | undefined, send: (message: FromWorker) => void) {
    this.#path = path
    this.#send = send
  }

  keep(retention: Retention): void {
    this.#retention = retention
    this.#next = 0
  }

  /** @throws what the client throws */
  async step({ db, client }: OpenDatabase): Promise<void> {
    const retention = this.#retention
    const now = Date.now()
    if (retention === undefined || now < this.#next) return
    if (this.#path !== undefined && retention.duration > 0) await this.#prepare(this.#path, client)
    const most = this.#path === undefined ? AT_ONCE_THERE : AT_ONCE
    const emptied = await purgeCaptures(db, retention, now, most)
    if (emptied > 0) this.#dirty = true
    else if (!this.#dirty || this.#path === undefined || (await givenBack(client))) {
      this.#dirty = false
      this.#next = now + REST
    }
  }

  /** A file of an older version can only give room back once it was written anew. Tried once. */
  async #prepare(path: string, client: Client): Promise<void> {
    if (this.#prepared) return
    this.#prepared = true
    const { rows } = await client.execute('PRAGMA auto_vacuum')
    if (rows[0]?.[0] !== 0) return
    if (statSync(path).size > LARGE) return this.#warn('ledger.compact.needed', 'the file is large')
    try {
      await client.executeMultiple('PRAGMA auto_vacuum = INCREMENTAL; VACUUM')
    } catch (error) {
      this.#warn('ledger.compact.failed', errorMessage(error))
    }
  }

  #warn(evt: string, reason: string): void {
    this.#send({ kind: 'log', level: 'warn', evt, fields: { reason } })
  }
}

/** Some pages each time; then the write-ahead log, in which they are still to be read. Is all done? */
const givenBack = async (client: Client): Promise<boolean> => {
  const free = async (): Promise<number> =>
    Number((await client.execute('PRAGMA freelist_count')).rows[0]?.[0])
  const before = await free()
  // Not `execute`, which takes one step, and so frees one page.
  if (before > 0) await client.executeMultiple(`PRAGMA incremental_vacuum(${PAGES})`)
  if (before > 0 && (await free()) < before) return false
  const { rows } = await client.execute('PRAGMA wal_checkpoint(TRUNCATE)')
  return rows[0]?.[0] === 0
}
