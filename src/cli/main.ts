import { Command, CommanderError } from 'commander'
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
import { version } from './version.ts'

const program = new Command('postern')
  .description('One address for your own models: private by tailnet identity, public by password.')
  .version(version)
  // What stands after the agent of `postern run` is the agent's.
  .enablePositionalOptions()
  .showHelpAfterError('(postern --help shows what there is)')
  .exitOverride()

for (const command of [
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
]) {
  program.addCommand(command)
}

try {
  for (const command of everyCommand(program)) command.exitOverride()
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has said what is wrong; wrong usage is 2, help and version are 0.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    process.stderr.write(`postern: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
