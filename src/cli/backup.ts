import { Command } from 'commander'
import { inUnits } from '../admin/doctor/units.ts'
import { databaseOf, type LedgerFlags, ledgerOptions } from './ledger.ts'
import { print, progress } from './table.ts'

interface Flags extends LedgerFlags {
  readonly force?: boolean
}

/** `postern backup FILE`: a copy of the ledger, while the gateway runs or not. */
export const backupCommand = (): Command =>
  ledgerOptions(new Command('backup'))
    .description('copy the ledger to a file, while the gateway runs or not')
    .argument('<file>', 'to write; only its owner may read it')
    .option('--force', 'overwrite the file')
    .action(async (file: string, { force, ...flags }: Flags) => {
      const database = await databaseOf(flags)
      const { backUp } = await import('../adapter/node/backup/backup.ts')
      progress('copying the ledger, and checking the copy')
      const { rows, version, left, ...made } = await backUp({
        database,
        file,
        force: force ?? false,
      })
      await print(
        `${file}: ${inUnits(made.bytes)}, ${rows} ${rows === 1 ? 'request' : 'requests'}, schema version ${version}\n`,
      )
      if (left > 0) {
        process.stderr.write(
          `${left} rows that wait in the journal are not in it: start this version once, and take it again\n`,
        )
      }
    })
