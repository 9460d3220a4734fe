import { restore } from '../../src/adapter/node/backup/restore.ts'

// Restores a backup, and is killed when the given step begins.

const [, , dataDir = '.', file = '', fatal = ''] = process.argv
await restore({
  database: { url: 'file:postern.db', authToken: undefined, dataDir },
  file,
  force: true,
  now: Date.now(),
  tell: (step) => {
    if (step === fatal) process.kill(process.pid, 'SIGKILL')
  },
})
