import type { Command } from 'commander'
import { backupCommand } from './backup.ts'
import { banCommand } from './ban.ts'
import { caddyCommand } from './caddy.ts'
import { canCommand } from './can.ts'
import { checkCommand } from './check.ts'
import { doctorCommand } from './doctor.ts'
import { exposeCommand } from './expose.ts'
import { importCommand } from './import.ts'
import { initCommand } from './init.ts'
import { keyCommand } from './key.ts'
import { migrateCommand } from './migrate.ts'
import { modelsCommand } from './models.ts'
import { quotaCommand } from './quota.ts'
import { restoreCommand } from './restore.ts'
import { runCommand } from './run.ts'
import { upCommand } from './up.ts'
import { usageCommand } from './usage.ts'
import { userCommand } from './user.ts'
import { verifyCommand } from './verify.ts'

/** All commands of `postern`, in the order of its help. */
export const commands = (): readonly Command[] => [
  upCommand(),
  initCommand(),
  checkCommand(),
  verifyCommand(),
  doctorCommand(),
  userCommand(),
  keyCommand(),
  canCommand(),
  banCommand(),
  usageCommand(),
  quotaCommand(),
  modelsCommand(),
  runCommand(),
  exposeCommand(),
  importCommand(),
  caddyCommand(),
  backupCommand(),
  restoreCommand(),
  migrateCommand(),
]
