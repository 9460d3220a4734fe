import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerOptions } from '../ledger/protocol.ts'
import { importDrizzleQuickly } from '../ledger/quick-imports.ts'

// The thread behind store.ts: every call that may block, on a lock, a disk or a server, is made here.

const port = parentPort
if (port === null) throw new Error('store.worker runs as a worker only')

const options = workerData as WorkerOptions
const send = (message: FromWorker): void => port.postMessage(message)

const run = async (): Promise<void> => {
  importDrizzleQuickly()
  const { holdDataDir } = await import('../ledger/lock.ts')
  const { LedgerWriter } = await import('../ledger/writer.ts')
  const letGo = await holdDataDir(options.dataDir)
  const writer = new LedgerWriter(options, send)
  await writer.open()
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'write') return writer.write(message)
    if (message.kind === 'keep') return writer.keep(message.retention)
    void writer.close().then(() => {
      letGo()
      send({ kind: 'closed' })
      port.close()
    })
  })
}

run().catch((error: unknown) => {
  send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  port.close()
})
