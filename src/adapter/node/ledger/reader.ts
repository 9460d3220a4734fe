import { Worker } from 'node:worker_threads'
import type { Question, Questions } from '../../../platform/records/questions.ts'
import type { DatabaseOptions } from './database.ts'
import type { FromReader, ToReader } from './protocol.ts'

interface Waiting {
  readonly resolve: (answers: never) => void
  readonly reject: (error: Error) => void
}

/** Questions that may wait at once; more come from something that has gone wrong. */
const MOST = 256

/**
 * Answers questions about the ledger in a thread of its own: SQLite blocks while it works, and neither a request nor
 * the writer of the ledger may wait for a page. The thread starts with the first question.
 */
export class LedgerReader {
  readonly #options: DatabaseOptions
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #next = 0
  #closed = false

  constructor({ url, authToken, dataDir }: DatabaseOptions) {
    this.#options = { url, authToken, dataDir }
  }

  /** @throws Error when the database does not answer, or too many questions wait. */
  ask<Name extends Question>(
    name: Name,
    asks: Questions[Name]['asks'],
  ): Promise<Questions[Name]['answers']> {
    if (this.#closed) return Promise.reject(new Error('the store is closed'))
    if (this.#waiting.size >= MOST) {
      return Promise.reject(new Error('too many questions are waiting for the database'))
    }
    const { promise, resolve, reject } = Promise.withResolvers<Questions[Name]['answers']>()
    const id = this.#next++
    this.#waiting.set(id, { resolve, reject })
    this.#worker ??= this.#start()
    const question: ToReader = { id, name, asks }
    this.#worker.postMessage(question)
    return promise
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#rejectAll('the store was closed')
    await this.#worker?.terminate()
  }

  #start(): Worker {
    // `.ts` in a checkout, `.js` in the published build.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`../store/reader.worker${extension}`, import.meta.url), {
      workerData: this.#options,
      name: 'ledger-reader',
    })
    worker.on('message', (message: FromReader) => this.#receive(message))
    worker.on('error', (error) => this.#rejectAll(String(error)))
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      this.#rejectAll('the thread that reads the ledger ended')
    })
    worker.unref()
    return worker
  }

  #receive(message: FromReader): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(new Error(message.error))
    else waiting?.resolve(message.answers as never)
  }

  #rejectAll(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason))
    this.#waiting.clear()
  }
}
