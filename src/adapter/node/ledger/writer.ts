import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Retention } from '../../../platform/records/captured.ts'
import { mayPass, type OpenDatabase, openDatabase } from './database.ts'
import { errorCode, errorMessage } from './errors.ts'
import { Journal } from './journal.ts'
import type { FromWorker, WorkerOptions } from './protocol.ts'
import { LedgerWatch } from './watch.ts'
import { applyEach } from './writes.ts'

interface Batch {
  readonly first: number
  readonly lines: readonly string[]
}

/** Rows in one transaction. */
const BATCH = 200

/** A database that takes longer for one batch is left to the journal, ms. */
const PATIENCE = 1000

/** The first start waits this long for a server, and for the journal to be replayed, before going on without, ms. */
const START_PATIENCE = 2000

/** Rests so many times as long as it worked, ms at most. */
const RESTS = 4
const LONGEST_REST = 40

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1000

/**
 * The only writer of the ledger. A batch goes to the database; if that does not take it, to the journal, and from
 * there to the database once it is back. While anything waits in the journal new batches queue up behind it.
 */
export class LedgerWriter {
  readonly #options: WorkerOptions
  readonly #send: (message: FromWorker) => void
  readonly #journal: Journal
  readonly #watch: LedgerWatch
  #database: OpenDatabase | undefined
  #queue: Batch[] = []
  #pumping: Promise<void> | undefined
  #recovering: Promise<void> | undefined
  #pause = FIRST_PAUSE
  #up = true
  #journalFails = false
  #closing = false

  constructor(options: WorkerOptions, send: (message: FromWorker) => void) {
    this.#options = options
    this.#send = send
    this.#journal = new Journal(join(options.dataDir, 'ledger.journal'), options.journalBytes)
    this.#watch = new LedgerWatch(options, send)
  }

  /**
   * Opens the database and replays what a crash left in the journal. A server that is away does not stop the start.
   * @throws when the database is unusable as it is: waiting would not help.
   */
  async open(): Promise<void> {
    try {
      this.#database = await within(START_PATIENCE, openDatabase(this.#options))
    } catch (error) {
      if (!mayPass(error, this.#options.url)) throw error
      this.#lose(error, undefined)
    }
    if (this.#database !== undefined) await this.#recoverFor(START_PATIENCE)
    this.#send({ kind: 'ready', bans: this.#watch.bans })
    this.#watch.start(
      () => (this.#journal.bytes === 0 ? this.#database : undefined),
      (error, database) => this.#lose(error, database),
    )
  }

  write(batch: Batch): void {
    this.#queue.push(batch)
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined
    })
  }

  /** How long captures are kept. */
  keep(retention: Retention): void {
    this.#watch.keep(retention)
  }

  /** Flushes, tries once more to empty the journal, and lets go of the files. */
  async close(): Promise<void> {
    this.#closing = true
    this.#watch.stop()
    await this.#pumping
    await this.#recovering
    if (this.#journal.bytes > 0) await this.#recoverFor(START_PATIENCE)
    this.#database?.close()
    this.#journal.close()
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#take()
      const started = performance.now()
      while (!(await this.#settle(batch))) {
        if (this.#closing)
          return this.#refuse(batch, 'neither the database nor the journal took it')
        await sleep(LONGEST_PAUSE)
      }
      await this.#rest(performance.now() - started)
    }
  }

  /**
   * What comes in the meantime shares the next transaction: under load a row of twenty costs three times what one of two
   * hundred costs (docs/decisions/061), on the core that requests are served with.
   */
  async #rest(worked: number): Promise<void> {
    const rows = this.#queue.reduce((sum, { lines }) => sum + lines.length, 0)
    if (rows < BATCH && !this.#closing) await sleep(Math.min(LONGEST_REST, worked * RESTS))
  }

  /** As many waiting batches as fit into one: the more there are, the fewer transactions each row costs. */
  #take(): Batch {
    const [head, ...rest] = this.#queue as [Batch, ...Batch[]]
    const lines = [...head.lines]
    while (rest[0] !== undefined && lines.length + rest[0].lines.length <= BATCH) {
      lines.push(...(rest.shift()?.lines ?? []))
    }
    this.#queue = rest
    return { first: head.first, lines }
  }

  async #settle(batch: Batch): Promise<boolean> {
    const database = this.#journal.bytes === 0 ? this.#database : undefined
    if (database !== undefined && (await this.#intoDatabase(batch, database))) return true
    return this.#intoJournal(batch)
  }

  async #intoDatabase(batch: Batch, database: OpenDatabase): Promise<boolean> {
    try {
      const refuse = (at: number, error: unknown) => this.#refuseLine(batch.first + at, error)
      await within(PATIENCE, applyEach(database.db, batch.lines, refuse))
      this.#written(batch)
      this.#noteChanges(batch.lines)
      if (!this.#up) this.#recovered()
      return true
    } catch (error) {
      this.#lose(error, database)
      return false
    }
  }

  #intoJournal(batch: Batch): boolean {
    try {
      this.#journal.append(batch.lines)
    } catch (error) {
      void this.#recoverSoon()
      if (!this.#journalFails) this.#log('error', 'ledger.journal.failed', error)
      this.#journalFails = true
      return false
    }
    this.#journalFails = false
    this.#written(batch)
    void this.#recoverSoon()
    return true
  }

  /** A client that met `SQLITE_BUSY` is poisoned, and any other failure may have left it so. */
  #lose(error: unknown, database: OpenDatabase | undefined): void {
    if (database !== this.#database) return
    database?.close()
    this.#database = undefined
    if (this.#up) this.#log('warn', 'ledger.database.lost', error)
    this.#tell(false)
    void this.#recoverSoon()
  }

  /** One attempt at a time, and the next one later, until the database is open and the journal empty. */
  #recoverSoon(pause = this.#pause): Promise<void> {
    this.#recovering ??= sleep(pause)
      .then(() => this.#recover())
      .catch((error: unknown) => {
        this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
        this.#lose(error, this.#database)
      })
      .finally(() => {
        this.#recovering = undefined
        const done = this.#database !== undefined && this.#journal.bytes === 0
        if (!done && !this.#closing) void this.#recoverSoon()
      })
    return this.#recovering
  }

  #recoverFor(patience: number): Promise<void> {
    return within(patience, this.#recoverSoon(0)).catch(() => {})
  }

  /** Opens the database again and moves the journal into it. */
  async #recover(): Promise<void> {
    const database = this.#database ?? (await openDatabase(this.#options))
    this.#database = database
    for (let chunk = this.#journal.peek(BATCH); chunk; chunk = this.#journal.peek(BATCH)) {
      const { lines } = chunk
      await applyEach(database.db, lines, (at, error) => this.#setAside(lines[at] ?? '', error))
      this.#journal.drop(chunk)
      this.#noteChanges(lines)
      this.#recovered()
    }
    // A batch that neither the database nor the journal takes is still trying: it will tell, not an idle connection.
    if (this.#pumping === undefined) this.#recovered()
    this.#watch.lookAgain()
    await this.#watch.look(database)
  }

  /** What the gateway wrote itself is not news to it, but what became of it since may be. */
  #noteChanges(lines: readonly string[]): void {
    if (lines.some(isAct)) this.#watch.lookAgain()
    if (lines.some(isBan)) this.#watch.banWritten()
  }

  #recovered(): void {
    this.#pause = FIRST_PAUSE
    if (!this.#up)
      this.#send({ kind: 'log', level: 'info', evt: 'ledger.database.back', fields: {} })
    this.#tell(true)
  }

  #tell(up: boolean): void {
    this.#up = up
    this.#send({ kind: 'state', up, journaled: this.#journal.bytes })
  }

  #written({ first, lines }: Batch): void {
    this.#send({ kind: 'written', first, count: lines.length })
  }

  #refuse({ first, lines }: Batch, message: string): void {
    for (const at of lines.keys()) this.#send({ kind: 'refused', seq: first + at, message })
  }

  #refuseLine(seq: number, error: unknown): void {
    this.#send({ kind: 'refused', seq, message: errorMessage(error) })
  }

  /** Its writer was told that it is safe, so it is kept, though the database will not have it. */
  #setAside(line: string, error: unknown): void {
    appendFileSync(join(this.#options.dataDir, 'ledger.rejected'), `${line}\n`, { mode: 0o600 })
    this.#log('error', 'ledger.journal.rejected', error)
  }

  #log(level: 'warn' | 'error', evt: string, error: unknown): void {
    const fields = { code: errorCode(error), error: errorMessage(error) }
    this.#send({ kind: 'log', level, evt, fields })
  }
}

/** Bans and keys may have changed by it. */
const isAct = (line: string): boolean => line.startsWith('{"act":')
const isBan = (line: string): boolean => line.startsWith('{"ban":')

/** @throws when `work` takes longer than `ms`; it goes on all the same, and its outcome is nobody's. */
const within = <T>(ms: number, work: Promise<T>): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
