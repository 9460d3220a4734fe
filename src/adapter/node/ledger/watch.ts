import { statSync } from 'node:fs'
import { deleteAuthFailures } from '../../../ledger/store/auth-failures.ts'
import { deleteLapsed, selectBans } from '../../../ledger/store/bans.ts'
import { selectKeyRing } from '../../../ledger/store/keys/keys.ts'
import { selectQuotas, selectRefills } from '../../../ledger/store/quotas.ts'
import type { KeyRing } from '../../../platform/records/api-key.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import type { Retention } from '../../../platform/records/captured.ts'
import { filePath, type OpenDatabase } from './database.ts'
import type { FromWorker, WorkerOptions } from './protocol.ts'
import { Purge } from './purge.ts'

/** How soon a ban or a revocation by the command line is in force, ms. */
const FILE_EVERY = 500
/** A server is not asked that often: each time is a round trip, and some are paid by the row. */
const SERVER_EVERY = 5000

const HOUR = 60 * 60 * 1000
/** Refused attempts are kept this long, ms: nobody is billed by them, and a stranger decides how many there are. */
const FAILURES_KEPT = 30 * 24 * HOUR
/** Old rows go a few at a time, so that no write waits long. */
const SWEEP = 1000

type CurrentDatabase = () => OpenDatabase | undefined
type OnFailure = (error: unknown, database: OpenDatabase) => void

/** Looks now and then: did another process change bans or keys, is the database still there, what is too old? */
export class LedgerWatch {
  readonly #path: string | undefined
  readonly #send: (message: FromWorker) => void
  readonly #purge: Purge
  #bans: readonly Ban[] = []
  /** Counts the bans that this gateway wrote, and what it was when `#bans` was last read. */
  #bansWritten = 0
  #bansReadAt = 0
  #keys: KeyRing | undefined
  #toldBalances = false
  #last: { database: OpenDatabase; version: unknown; inode: number } | undefined
  #sweptAt = 0
  #timer: NodeJS.Timeout | undefined
  #looking = false

  constructor(options: WorkerOptions, send: (message: FromWorker) => void) {
    this.#path = filePath(options)
    this.#send = send
    this.#purge = new Purge(this.#path, send)
  }

  /** How long captures are kept. */
  keep(retention: Retention): void {
    this.#purge.keep(retention)
  }

  /** The bans last read. */
  get bans(): readonly Ban[] {
    return this.#bans
  }

  /** `current` answers undefined while there is nothing to look at: bans that wait in the journal are not in the table. */
  start(current: CurrentDatabase, fail: OnFailure): void {
    const every = this.#path === undefined ? SERVER_EVERY : FILE_EVERY
    this.#timer = setInterval(() => {
      const database = current()
      if (database === undefined || this.#looking) return
      this.#looking = true
      this.look(database)
        .then(() => this.#sweep(database))
        .then(() => this.#purge.step(database))
        .catch((error: unknown) => fail(error, database))
        .finally(() => {
          this.#looking = false
        })
    }, every)
  }

  /**
   * The gateway has a ban that the list it was last sent lacks. The next list is sent even if it is the same as that
   * one: the ban may have been lifted before anything looked.
   */
  banWritten(): void {
    this.#bansWritten++
    this.lookAgain()
  }

  /** What this connection itself committed is not counted as a change by SQLite: look all the same. */
  lookAgain(): void {
    this.#last = undefined
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** @throws what the client throws, and when the file was taken away under it. */
  async look(database: OpenDatabase): Promise<void> {
    if (!(await this.#changed(database))) return
    await this.#lookAtBans(database)
    await this.#lookAtQuotas(database)
    const keys = await selectKeyRing(database.db)
    if (same(keys, this.#keys)) return
    this.#keys = keys
    this.#send({ kind: 'keys', keys })
  }

  async #lookAtBans({ db }: OpenDatabase): Promise<void> {
    const written = this.#bansWritten
    const bans = await selectBans(db, Date.now())
    // Read before a ban was written, the list would lift it. The next look has it.
    if (written !== this.#bansWritten) return
    if (written === this.#bansReadAt && same(bans, this.#bans)) return
    this.#bans = bans
    this.#bansReadAt = written
    this.#send({ kind: 'bans', bans })
  }

  /** Balances once: from then on the gateway knows them better, or asks for what others charged. */
  async #lookAtQuotas({ db }: OpenDatabase): Promise<void> {
    if (!this.#toldBalances) {
      this.#send({ kind: 'quotas', kept: await selectQuotas(db, 0) })
      this.#toldBalances = true
      return
    }
    const refills = await selectRefills(db)
    if (refills.length > 0) this.#send({ kind: 'refills', refills })
  }

  /** SQLite counts the commits of other connections in `data_version`; a server tells nothing of the kind. */
  async #changed(database: OpenDatabase): Promise<boolean> {
    if (this.#path === undefined) return true
    const inode = statSync(this.#path).ino
    const { rows } = await database.client.execute('PRAGMA data_version')
    const version = rows[0]?.[0]
    const last = this.#last
    this.#last = { database, version, inode }
    if (last?.database !== database) return true
    if (last.inode !== inode) throw new Error('the database file was replaced')
    return last.version !== version
  }

  async #sweep({ db }: OpenDatabase): Promise<void> {
    const now = Date.now()
    if (now - this.#sweptAt < HOUR) return
    const { rowsAffected } = await deleteAuthFailures(db, now - FAILURES_KEPT, SWEEP)
    if (rowsAffected === SWEEP) return
    await deleteLapsed(db, now)
    this.#sweptAt = now
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
