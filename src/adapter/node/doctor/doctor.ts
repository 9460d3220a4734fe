import { isAbsolute, resolve } from 'node:path'
import type { Config } from '../../../config/config.ts'
import type { Machine } from '../../../platform/machine.ts'
import { readExposure } from '../tailscaled/expose/record.ts'
import { factsOf } from './facts.ts'
import { lookAtLedger } from './ledger.ts'
import { whyRedisFails } from './redis.ts'
import { askListener, connects, upgrade } from './sockets.ts'

export interface MachineOptions {
  readonly dataDir: string
  /** What of the configuration there is to look at. */
  readonly config: () => Pick<Config, 'database' | 'redis'>
  /** Does a gateway hold the data folder? */
  readonly running: () => Promise<boolean>
}

/** What Node can find out about the machine for the doctor. Changes nothing. */
export const createMachine = ({ dataDir, config, running }: MachineOptions): Machine => {
  const folder = resolve(dataDir)
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path))
  return {
    facts: () => factsOf(folder, running),
    ledger: () => lookAtLedger({ url: config().database.url, dataDir: folder }),
    redis: async () => {
      const { redis } = config()
      return redis && (await whyRedisFails(redis))
    },
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
