import { join } from 'node:path'
import { createClient } from '@libsql/client'

// Holds the write lock of a ledger until it is told, by a line or the end of its input, to let go.

const client = createClient({ url: `file:${join(process.argv[2] ?? '.', 'postern.db')}` })
const transaction = await client.transaction('write')
process.stdout.write('locked\n')
process.stdin.once('data', end)
process.stdin.once('end', end)

async function end(): Promise<void> {
  process.stdin.pause()
  await transaction.rollback()
  client.close()
  process.stdout.write('released\n')
}
