import { Worker } from 'node:worker_threads'
import type { Log, QuotaListener, Store } from '../../../platform/platform.ts'
import type { KeyRing } from '../../../platform/records/api-key.ts'
import type { KeptQuotas } from '../../../platform/records/balance.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import type { Retention } from '../../../platform/records/captured.ts'
import type { Entry, FromWorker, ToWorker, WorkerOptions } from '../ledger/protocol.ts'
import { LedgerReader } from '../ledger/reader.ts'

export interface StoreOptions {
  /** `file:…` (relative to `dataDir` unless absolute), `libsql://…`, `https://…` or `http://…`. */
  readonly url: string
  readonly authToken?: string | undefined
  /** Made when missing. Holds the journal, `ledger.journal`, whatever the database is. */
  readonly dataDir: string
  readonly log: Log
  /** Rows that may wait in memory; default 20,000. */
  readonly maxRows?: number
  /** Bytes of rows that may wait in memory; default 32 MiB. */
  readonly maxBytes?: number
  /** Bytes the journal may hold; default 256 MiB, some 400,000 rows. */
  readonly journalBytes?: number
}

export interface NodeStore extends Store {
  /** Flushes everything to the database or the journal. Later writes are rejected. */
  close(): Promise<void>
  counters(): StoreCounters
}

export interface StoreCounters {
  /** Rows not yet acknowledged, and their bytes. */
  readonly waiting: number
  readonly waitingBytes: number
  /** Bytes that wait in the journal, as last told. */
  readonly journaled: number
  /** Rows turned away because memory and journal were full. */
  readonly shed: number
}

/** Neither the database nor the journal takes rows, and as many wait as may. */
export class StoreFull extends Error {
  constructor() {
    super('the ledger is full: too many rows wait for the database')
    this.name = 'StoreFull'
  }
}

interface Waiting {
  readonly line: string
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Rows gather this long before they go to the worker together, ms. */
const GATHER = 10
const BATCH = 200
/** `healthy` says no once the database was away, or a row waited, this long, ms: a lock of a moment is not a fault. */
const GRACE = 1000
const STUCK = 5000
const CLOSE_PATIENCE = 15_000
const RESTART_PAUSE = 1000

/**
 * The ledger of this process: a worker thread writes it, so that neither a locked database, nor a slow disk, nor a
 * distant server holds up a request. docs/ledger.md tells what happens when the database does not take rows.
 *
 * @throws when the database cannot be used: damaged, of a newer version, or held by another gateway.
 */
export const openStore = async (options: StoreOptions): Promise<NodeStore> => {
  const store = new WorkerStore(options)
  await store.ready
  return store
}

class WorkerStore implements NodeStore {
  readonly ready: Promise<void>
  /** One gateway holds a data directory: see ledger/lock.ts. */
  readonly shared: boolean
  readonly #options: StoreOptions
  readonly #maxRows: number
  readonly #maxBytes: number
  /** By number, in the order of writing; the worker acknowledges in that order. */
  readonly #waiting = new Map<number, Waiting>()
  #waitingBytes = 0
  #next = 0
  /** The first row that was not yet sent to the worker. */
  #unsent = 0
  #gathering: NodeJS.Timeout | undefined
  #worker: Worker
  readonly #reader: LedgerReader
  #bans: readonly Ban[] = []
  readonly #listeners: ((bans: readonly Ban[]) => void)[] = []
  #keys: KeyRing | undefined
  readonly #keyListeners: ((ring: KeyRing) => void)[] = []
  #quotas: KeptQuotas | undefined
  readonly #quotaListeners: QuotaListener[] = []
  #retention: Retention | undefined
  #downSince: number | undefined
  #progressAt = performance.now()
  #journaled = 0
  #shed = 0
  #shedding = false
  #running = false
  #started = Promise.withResolvers<void>()
  #closed: PromiseWithResolvers<void> | undefined

  constructor(options: StoreOptions) {
    this.#options = options
    this.shared = !options.url.startsWith('file:')
    this.#maxRows = options.maxRows ?? 20_000
    this.#maxBytes = options.maxBytes ?? 32 * 1024 * 1024
    this.ready = this.#started.promise
    this.#worker = this.#startWorker()
    this.#reader = new LedgerReader({ ...options, authToken: options.authToken })
  }

  recordUsage: Store['recordUsage'] = (row, charged = []) =>
    this.#write({ usage: row, ...(charged.length > 0 && { charged }) }, 1)

  /** May fill half the room: a flood of wrong guesses must not push out the ledger. */
  recordAuthFailure: Store['recordAuthFailure'] = (row) => this.#write({ failure: row }, 0.5)

  saveBan: Store['saveBan'] = (ban) => {
    const saved = this.#write({ ban }, 1)
    this.#sendGathered()
    return saved
  }

  loadBans: Store['loadBans'] = async () => this.#bans

  onBansChanged: Store['onBansChanged'] = (listener) => {
    this.#listeners.push(listener)
  }

  loadKeys: Store['loadKeys'] = async () => {
    if (this.#keys === undefined) throw new Error('the database did not answer yet')
    return this.#keys
  }

  onKeysChanged: Store['onKeysChanged'] = (listener) => {
    this.#keyListeners.push(listener)
  }

  /** Of less worth than a row of the ledger. */
  recordKeyUse: Store['recordKeyUse'] = (use) => this.#write({ used: use }, 0.5)

  onQuotas: Store['onQuotas'] = (listener) => {
    this.#quotaListeners.push(listener)
    if (this.#quotas) listener.kept(this.#quotas)
  }

  changeQuotas: Store['changeQuotas'] = (change) => this.#write({ quotas: change }, 1)

  /** Of less worth than a row of the ledger, and larger. */
  saveCapture: Store['saveCapture'] = (capture) => this.#write({ capture }, 0.5)

  keepCaptures: Store['keepCaptures'] = (retention) => {
    this.#retention = retention
    this.#post({ kind: 'keep', retention })
  }

  saveResponse: Store['saveResponse'] = (response) => this.#write({ response }, 1)

  saveExport: Store['saveExport'] = (change) => {
    const saved = this.#write({ exported: change }, 1)
    this.#sendGathered()
    return saved
  }

  record: Store['record'] = (act) => {
    const recorded = this.#write({ act }, 1)
    this.#sendGathered()
    return recorded
  }

  ask: Store['ask'] = (name, asks) => this.#reader.ask(name, asks)

  healthy: Store['healthy'] = () => {
    const now = performance.now()
    if (this.#closed !== undefined) return false
    if (this.#downSince !== undefined && now - this.#downSince > GRACE) return false
    return this.#waiting.size === 0 || now - this.#progressAt < STUCK
  }

  counters = (): StoreCounters => ({
    waiting: this.#waiting.size,
    waitingBytes: this.#waitingBytes,
    journaled: this.#journaled,
    shed: this.#shed,
  })

  close = async (): Promise<void> => {
    if (this.#closed !== undefined) return this.#closed.promise
    this.#closed = Promise.withResolvers()
    this.#sendGathered()
    this.#post({ kind: 'close' })
    const late = setTimeout(() => this.#closed?.resolve(), CLOSE_PATIENCE)
    await this.#closed.promise
    clearTimeout(late)
    await Promise.all([this.#worker.terminate(), this.#reader.close()])
    this.#rejectAll(new Error('the store was closed'))
  }

  #write(entry: Entry, share: number): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(new Error('the store is closed'))
    const line = JSON.stringify(entry)
    if (this.#full(line.length, share)) return this.#turnAway()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (this.#waiting.size === 0) this.#progressAt = performance.now()
    this.#waiting.set(this.#next++, { line, resolve, reject })
    this.#waitingBytes += line.length
    if (this.#next - this.#unsent >= BATCH) this.#sendGathered()
    else this.#gathering ??= setTimeout(() => this.#sendGathered(), GATHER)
    return promise
  }

  #full(bytes: number, share: number): boolean {
    return (
      this.#waiting.size >= this.#maxRows * share ||
      this.#waitingBytes + bytes > this.#maxBytes * share
    )
  }

  #turnAway(): Promise<never> {
    this.#shed++
    if (!this.#shedding) this.#options.log('error', 'ledger.shed', { waiting: this.#waiting.size })
    this.#shedding = true
    return Promise.reject(new StoreFull())
  }

  #sendGathered(): void {
    clearTimeout(this.#gathering)
    this.#gathering = undefined
    while (this.#unsent < this.#next) {
      const first = this.#unsent
      this.#unsent = Math.min(this.#next, first + BATCH)
      this.#post({ kind: 'write', first, lines: this.#lines(first, this.#unsent) })
    }
  }

  #lines(from: number, to: number): string[] {
    const lines: string[] = []
    for (let seq = from; seq < to; seq++) lines.push(this.#waiting.get(seq)?.line ?? '')
    return lines
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #startWorker(): Worker {
    const { url, authToken, dataDir, journalBytes = 256 * 1024 * 1024 } = this.#options
    const workerData: WorkerOptions = { url, authToken, dataDir, journalBytes }
    // `.ts` in a checkout, `.js` in the published build.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./store.worker${extension}`, import.meta.url), {
      workerData,
      name: 'ledger',
    })
    worker.on('message', (message: FromWorker) => this.#receive(message))
    worker.on('error', (error) =>
      this.#options.log('error', 'ledger.worker', { error: String(error) }),
    )
    worker.on('exit', () => this.#onExit())
    return worker
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#onReady(message.bans)
        break
      case 'failed':
        this.#started.reject(new Error(message.message))
        break
      case 'written':
        this.#acknowledge(message.first, message.count)
        break
      case 'refused':
        this.#refuse(message.seq, message.message)
        break
      case 'state':
        this.#onState(message.up, message.journaled)
        break
      case 'bans':
        this.#onBans(message.bans)
        break
      case 'keys':
        this.#onKeys(message.keys)
        break
      case 'quotas':
        this.#onQuotas(message.kept)
        break
      case 'refills':
        for (const { refills } of this.#quotaListeners) refills(message.refills)
        break
      case 'log':
        this.#options.log(message.level, message.evt, message.fields)
        break
      case 'closed':
        this.#closed?.resolve()
        break
    }
  }

  #onReady(bans: readonly Ban[]): void {
    this.#bans = bans
    this.#running = true
    this.#started.resolve()
  }

  #acknowledge(first: number, count: number): void {
    for (let seq = first; seq < first + count; seq++) this.#take(seq)?.resolve()
    this.#progressAt = performance.now()
    if (this.#waiting.size < this.#maxRows / 4) this.#shedding = false
  }

  #refuse(seq: number, message: string): void {
    this.#options.log('error', 'ledger.refused', { error: message })
    this.#take(seq)?.reject(new Error(`the ledger does not take this row: ${message}`))
  }

  #take(seq: number): Waiting | undefined {
    const waiting = this.#waiting.get(seq)
    if (waiting === undefined) return undefined
    this.#waiting.delete(seq)
    this.#waitingBytes -= waiting.line.length
    return waiting
  }

  #onState(up: boolean, journaled: number): void {
    this.#journaled = journaled
    this.#downSince = up ? undefined : (this.#downSince ?? performance.now())
  }

  #onBans(bans: readonly Ban[]): void {
    this.#bans = bans
    for (const listener of this.#listeners) listener(bans)
  }

  #onKeys(ring: KeyRing): void {
    this.#keys = ring
    for (const listener of this.#keyListeners) listener(ring)
  }

  #onQuotas(kept: KeptQuotas): void {
    this.#quotas = kept
    for (const listener of this.#quotaListeners) listener.kept(kept)
  }

  /** A thread that died of a fault is started again with the rows it had not acknowledged; their ids keep them single. */
  #onExit(): void {
    this.#started.reject(new Error('the ledger thread ended'))
    this.#closed?.resolve()
    if (!this.#running) return
    this.#onState(false, this.#journaled)
    setTimeout(() => {
      if (this.#closed !== undefined) return
      this.#worker = this.#startWorker()
      if (this.#retention) this.#post({ kind: 'keep', retention: this.#retention })
      this.#unsent = this.#waiting.keys().next().value ?? this.#next
      this.#sendGathered()
    }, RESTART_PAUSE)
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#waitingBytes = 0
  }
}
