import type { Command } from 'commander'
import { backupCommand } from './backup.ts'
import { banCommand } from './ban.ts'
import { caddyCommand } from './caddy/caddy.ts'
import { canCommand } from './can/can.ts'
import { checkCommand } from './check.ts'
import { doctorCommand } from './doctor/doctor.ts'
import { exposeCommand } from './expose/expose.ts'
import { importCommand } from './import/import.ts'
import { initCommand } from './init/init.ts'
import { keyCommand } from './key/key.ts'
import { migrateCommand } from './migrate.ts'
import { modelsCommand } from './models/models.ts'
import { quotaCommand } from './quota.ts'
import { restoreCommand } from './restore.ts'
import { runCommand } from './run/run.ts'
import { upCommand } from './up.ts'
import { usageCommand } from './usage/usage.ts'
import { userCommand } from './user/user.ts'
import { verifyCommand } from './verify/verify.ts'

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
