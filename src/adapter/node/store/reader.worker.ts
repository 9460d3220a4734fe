import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { DatabaseOptions, OpenDatabase } from '../ledger/database.ts'
import type { FromReader, ToReader } from '../ledger/protocol.ts'
import { importDrizzleQuickly } from '../ledger/quick-imports.ts'

// The thread behind ledger/reader.ts: it asks the database, one question after the other.

const port = parentPort
if (port === null) throw new Error('reader.worker runs as a worker only')

const options = workerData as DatabaseOptions
importDrizzleQuickly()
const { openDatabase } = await import('../ledger/database.ts')
const { errorCode, errorMessage } = await import('../ledger/errors.ts')
const { answer } = await import('../../../ledger/store/answers.ts')

let open: OpenDatabase | undefined

/** A writer holds the file for milliseconds at a time. */
const tries = 40
const pause = 50

const ask = async ({ name, asks }: ToReader): Promise<unknown> => {
  for (let left = tries; ; left--) {
    try {
      open ??= await openDatabase(options)
      return await answer(open.db, name, asks as never)
    } catch (error) {
      // A connection that failed once may go on failing.
      open?.close()
      open = undefined
      if (left === 0 || !errorCode(error).startsWith('SQLITE_BUSY')) throw error
      await sleep(pause)
    }
  }
}

const reply = async (question: ToReader): Promise<void> => {
  const { id } = question
  const message: FromReader = await ask(question).then(
    (answers) => ({ id, answers }),
    (error: unknown) => ({ id, error: errorMessage(error) }),
  )
  port.postMessage(message)
}

let last: Promise<void> = Promise.resolve()
port.on('message', (question: ToReader) => {
  last = last.then(() => reply(question))
})
