import { openStore } from '../../src/adapter/node/store/store.ts'
import type { UsageRow } from '../../src/platform/records/usage.ts'

// Writes rows while its files may not grow, says how many were acknowledged once it is unwell, and again when they may.

const [, , dataDir = '.', count = '0', template = '{}'] = process.argv
const row = JSON.parse(template) as UsageRow
// Without a handler the kernel ends a process that writes beyond the limit.
process.on('SIGXFSZ', () => {})
const store = await openStore({ url: 'file:postern.db', dataDir, log: () => {} })
let acked = 0
const all = Array.from({ length: Number(count) }, (_, n) =>
  store.recordUsage({ ...row, id: `row-${n}` }).then(() => {
    acked++
  }),
)
// Space runs out a few times: the write-ahead log is emptied, and the journal, until the table is what has no room.
const told = setInterval(() => {
  if (store.healthy()) return
  clearInterval(told)
  process.stdout.write(`${acked}\n`)
}, 50)
await Promise.all(all)
await store.close()
process.stdout.write(`${acked}\n`)
process.exit(0)
