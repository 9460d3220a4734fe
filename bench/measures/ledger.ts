import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../../test/support/parts/run.ts'
import { root } from '../peers/postern.ts'

const script = join(root, 'bench', 'ledger.ts')

/** What `bench/ledger.ts` prints on its last line, as JSON: its queries on many rows. Undefined where there is none. */
export const measureLedger = async (): Promise<unknown> => {
  if (!existsSync(script)) return undefined
  const { stdout } = await must(process.execPath, [script, '--json'])
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null')
}
