import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { vi } from 'vitest'
import { backupCommand } from '../../src/cli/backup.ts'
import { banCommand } from '../../src/cli/ban.ts'
import { keyCommand } from '../../src/cli/key/key.ts'
import { migrateCommand } from '../../src/cli/migrate.ts'
import { quotaCommand } from '../../src/cli/quota.ts'
import { restoreCommand } from '../../src/cli/restore.ts'
import { usageCommand } from '../../src/cli/usage/usage.ts'

export interface Printed {
  readonly out: string
  readonly error: string
  /** As src/cli/main.ts has it: 1 for what failed, 2 for wrong usage. */
  readonly code: number
}

/** Runs `postern ban …`, `postern key …` or `postern usage …` in this process on the ledger of `dir`. */
export const postern = async (dir: string, ...args: string[]): Promise<Printed> => {
  let out = ''
  let error = ''
  const writeOut = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text)
    return true
  })
  const writeErr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    error += String(text)
    return true
  })
  const program = new Command('postern').enablePositionalOptions()
  for (const command of [
    backupCommand(),
    banCommand(),
    keyCommand(),
    migrateCommand(),
    quotaCommand(),
    restoreCommand(),
    usageCommand(),
  ]) {
    program.addCommand(command)
  }
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({ writeErr: (text) => (error += text) })
  }
  const flags = ['--data', dir, '--config', configOf(dir)]
  try {
    await program.parseAsync([...args, ...flags], { from: 'user' })
    return { out, error, code: 0 }
  } catch (thrown) {
    const code = thrown instanceof CommanderError ? 2 : 1
    return { out, error: `${error}${String(thrown)}`, code }
  } finally {
    writeOut.mockRestore()
    writeErr.mockRestore()
  }
}

const everyCommand = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap(everyCommand),
]

const configOf = (dir: string): string => {
  const path = join(dir, 'postern.hujson')
  return existsSync(path) ? path : join(dir, 'missing.hujson')
}
