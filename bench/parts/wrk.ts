import { existsSync } from 'node:fs'
import type { Part } from '../../test/support/parts/part.ts'
import { aptInstall } from '../../test/support/parts/run.ts'

const path = '/usr/bin/wrk'

/** The load generator: one thread of it is far quicker than whatever is measured. */
export const wrkPart: Part = {
  name: 'wrk',
  version: 'from the system',
  find: () =>
    existsSync(path) ? { path } : { missing: 'not there; `node bench/setup.ts` installs it' },
  install: (say) => aptInstall(['wrk'], say),
}
