import { restore } from '../../src/adapter/node/backup/restore.ts'
import { actOf } from '../../src/cli/act.ts'

// Restores a backup, and is killed when the given step begins.

const [, , dataDir = '.', file = '', fatal = ''] = process.argv
await restore({
  database: { url: 'file:postern.db', authToken: undefined, dataDir },
  file,
  force: true,
  now: Date.now(),
  audit: actOf({ action: 'ledger.restore', target: 'backup' }).audit,
  tell: (step) => {
    if (step === fatal) process.kill(process.pid, 'SIGKILL')
  },
})
