import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore } from '../../src/adapter/node/store/store.ts'
import type { Ban } from '../../src/platform/records/ban.ts'
import type { UsageRow } from '../../src/platform/records/usage.ts'

// Writes rows and bans as fast as they are acknowledged, and notes each acknowledgement in a file, until it is killed.

const [, , dataDir = '.', run = '0', template = '{}'] = process.argv
const acked = openSync(`${dataDir}/acked`, 'a')
let isFirst = true
/** Says that it writes once there is something that must not be lost, however slow the machine. */
const note = (what: string): void => {
  writeSync(acked, `${what}\n`)
  if (isFirst) process.stdout.write('writing\n')
  isFirst = false
}
const store = await openStore({ url: 'file:postern.db', dataDir, log: () => {} })
const { row, ban } = JSON.parse(template) as { row: UsageRow; ban: Ban }
for (let n = 0; ; n++) {
  const id = `${run}-${n}`
  void store.recordUsage({ ...row, id }).then(() => note(id))
  if (n % 50 === 0) {
    const address = `198.51.${run}.${(n / 50) % 250}`
    void store.saveBan({ ...ban, address, startedAt: ban.startedAt + n }).then(() => note(address))
  }
  if (n % 20 === 0) await sleep(10)
}
