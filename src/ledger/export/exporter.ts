import type { S3Config } from '../../config/config.ts'
import type { Platform } from '../../platform/platform.ts'
import type { ExportBatch, ExportRow, ExportState } from '../../platform/records/export-state.ts'
import { packed } from './record.ts'
import type { PutObject } from './s3.ts'

export interface ExporterOptions extends Pick<Platform, 'store' | 'clock' | 'log'> {
  readonly put: PutObject
  /** ms before a further attempt, doubled each time up to `every`. */
  readonly pause?: number
}

export interface Exporter {
  /** Begins, goes on with other settings, or stops. */
  use(config: S3Config | undefined): void
  /** Lets an object that is on its way arrive, for a while, and does no more. */
  stop(): Promise<void>
}

/** `more`: there are further rows. `later`: the database has not yet taken what it was told. */
export type Round = 'more' | 'nothing' | 'later'

const name = 's3'

/** What is not taken within this is sent again at the next start, ms. */
const patience = 5000

/**
 * Copies the ledger to an object store, in the order in which it was written. What goes into an object is settled in the
 * database before it is sent, and so is that it arrived, after: a crash in between sends the same object again, under the
 * same name, and nothing is sent twice that was acknowledged.
 */
export const createExporter = (options: ExporterOptions): Exporter => new Loop(options)

class Loop implements Exporter {
  readonly #options: ExporterOptions
  #config: S3Config | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #running: Promise<void> | undefined
  #failures = 0
  #sent: string | undefined
  /** The last object was full, so the next follows at once. */
  #more = false

  constructor(options: ExporterOptions) {
    this.#options = options
  }

  use(config: S3Config | undefined): void {
    const same = JSON.stringify(config) === JSON.stringify(this.#config)
    this.#config = config
    if (same) return
    clearTimeout(this.#timer)
    this.#failures = 0
    if (config) this.#wake(0)
  }

  async stop(): Promise<void> {
    this.#config = undefined
    clearTimeout(this.#timer)
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, patience)
    await Promise.race([this.#running, late])
    clearTimeout(timer)
  }

  #wake(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#running ??= this.#turn().finally(() => {
        this.#running = undefined
      })
    }, ms)
  }

  async #turn(): Promise<void> {
    const config = this.#config
    if (!config) return
    const wait = await this.#run(config).catch((error: unknown) => this.#failed(config, error))
    if (this.#config) this.#wake(wait)
  }

  /** @returns ms until the next turn */
  async #run(config: S3Config): Promise<number> {
    const { store, clock } = this.#options
    const state = await store.ask('exportState', { name })
    const rest =
      state.batch || state.doneAt === null ? 0 : state.doneAt + config.every - clock.now()
    if (rest > 0 && !this.#more) return rest
    const round = await this.#round(config, state)
    if (this.#failures > 0) this.#options.log('info', 'export.back', {})
    this.#failures = 0
    this.#more = round === 'more'
    if (round === 'more') return 0
    return round === 'later' ? this.#pause : config.every
  }

  get #pause(): number {
    return this.#options.pause ?? 5000
  }

  #failed(config: S3Config, error: unknown): number {
    const reason = error instanceof Error ? error.message : String(error)
    if (this.#failures === 0) this.#options.log('error', 'export.failed', { reason })
    this.#failures += 1
    return Math.min(this.#pause * 2 ** (this.#failures - 1), config.every)
  }

  async #round(config: S3Config, state: ExportState): Promise<Round> {
    const { store, clock, log, put } = this.#options
    const batch = state.batch ?? (await this.#settle(config, state))
    if (!batch || batch === 'later') return batch ?? 'nothing'
    if (this.#sent !== batch.object) {
      const asked = { after: state.done, last: batch.last, limit: batch.rows }
      const rows = await store.ask('exportRows', asked)
      await put(config, batch.object, await packed(rows))
      this.#sent = batch.object
    }
    await store.saveExport({ name, sent: batch.object, at: clock.now() })
    const after = await store.ask('exportState', { name })
    // In the journal, as the database is away: it is kept, and not yet there.
    if (after.batch?.object === batch.object) return 'later'
    log('info', 'export.done', { object: batch.object, rows: batch.rows })
    return batch.rows >= config.limit ? 'more' : 'nothing'
  }

  /** Settles what the next object holds; somebody else may have been faster, and then it is theirs. */
  async #settle(config: S3Config, state: ExportState): Promise<ExportBatch | 'later' | undefined> {
    const { store } = this.#options
    const rows = await store.ask('exportRows', { after: state.done, limit: config.limit })
    const [first, last] = [rows[0], rows.at(-1)]
    if (!first || !last) return undefined
    const batch = { last: last.id, object: nameOf(config, first, last), rows: rows.length }
    await store.saveExport({ name, after: state.done, settle: batch })
    const settled = await store.ask('exportState', { name })
    return settled.done === state.done && settled.batch ? settled.batch : 'later'
  }
}

/** By day of its first row; ids tell which rows it holds. */
const nameOf = ({ prefix }: S3Config, first: ExportRow, last: ExportRow): string => {
  const day = new Date(first.startedAt).toISOString().slice(0, 10)
  const safe = (id: string) => id.replaceAll(/[^\w-]/g, '_')
  const file = `postern-${safe(first.id)}-${safe(last.id)}.ndjson.gz`
  return [...(prefix === '' ? [] : [prefix]), day, file].join('/')
}
