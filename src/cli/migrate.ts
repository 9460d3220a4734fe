import { Command } from 'commander'
import { databaseOf, type LedgerFlags, ledgerOptions } from './ledger.ts'
import { print } from './table.ts'

/** `postern migrate`: what the gateway does with its ledger at the start, by itself. */
export const migrateCommand = (): Command =>
  ledgerOptions(new Command('migrate'))
    .description('bring the ledger to the schema of this version, as the gateway does at its start')
    .option('--no-copy', 'keep no copy of it as it was; for who has a backup elsewhere')
    .action(async ({ copy, ...flags }: LedgerFlags & { readonly copy: boolean }) => {
      const database = await databaseOf(flags)
      const { bringUpToDate } = await import('../adapter/node/backup/bring-up-to-date.ts')
      const { applied, version } = await bringUpToDate(database, { copy })
      const done = applied.map((name) => `applied ${name}\n`).join('')
      await print(
        applied.length === 0
          ? `up to date: schema version ${version}\n`
          : `${done}now at schema version ${version}\n`,
      )
    })
