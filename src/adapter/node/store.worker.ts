import { parentPort, workerData } from 'node:worker_threads'
import { errorMessage } from './ledger/database.ts'
import { holdDataDir } from './ledger/lock.ts'
import type { FromWorker, ToWorker, WorkerOptions } from './ledger/protocol.ts'
import { LedgerWriter } from './ledger/writer.ts'

// The thread behind store.ts: every call that may block, on a lock, a disk or a server, is made here.

const port = parentPort
if (port === null) throw new Error('store.worker runs as a worker only')

const options = workerData as WorkerOptions
const send = (message: FromWorker): void => port.postMessage(message)

const run = async (): Promise<void> => {
  const letGo = await holdDataDir(options.dataDir)
  const writer = new LedgerWriter(options, send)
  await writer.open()
  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'write':
        return writer.write(message)
      case 'close':
        void writer.close().then(() => {
          letGo()
          send({ kind: 'closed' })
          port.close()
        })
    }
  })
}

run().catch((error: unknown) => {
  send({ kind: 'failed', message: errorMessage(error) })
  port.close()
})
