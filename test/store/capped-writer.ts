import { openStore } from '../../src/adapter/node/store.ts'
import type { UsageRow } from '../../src/usage/row.ts'

// Writes rows while its files may not grow, says how many were acknowledged, and how many are once they may again.

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
setTimeout(() => process.stdout.write(`${acked} ${store.healthy()}\n`), 2500)
await Promise.all(all)
await store.close()
process.stdout.write(`${acked}\n`)
process.exit(0)
