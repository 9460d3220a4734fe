import { isAbsolute, resolve } from 'node:path'
import type { DatabaseConfig } from '../../config/config.ts'
import type { Machine } from '../../doctor/machine.ts'
import { factsOf } from './doctor/facts.ts'
import { lookAtLedger } from './doctor/ledger.ts'
import { askListener, connects, upgrade } from './doctor/sockets.ts'
import { readExposure } from './expose/record.ts'

export interface MachineOptions {
  readonly dataDir: string
  readonly database: () => DatabaseConfig
  /** Does a gateway hold the data folder? */
  readonly running: () => Promise<boolean>
}

/** What Node can find out about the machine for the doctor. Changes nothing. */
export const createMachine = ({ dataDir, database, running }: MachineOptions): Machine => {
  const folder = resolve(dataDir)
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path))
  return {
    facts: () => factsOf(folder, running),
    ledger: () => lookAtLedger({ url: database().url, dataDir: folder }),
    connects,
    ask: (bind, path) =>
      askListener(bind.kind === 'unix' ? { kind: 'unix', path: absolute(bind.path) } : bind, path),
    upgrade,
    exposed: async () => {
      const found = await readExposure(folder)
      return found && { mode: found.wanted.mode, since: found.since, until: found.until }
    },
    absolute,
  }
}
