import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { partsFolder } from '../../test/support/parts/part.ts'
import { must } from '../../test/support/parts/run.ts'
import { root } from '../peers/postern.ts'
import type { LedgerResult } from '../result.ts'

/** Ten times as many are added up for a quarter of an hour first. */
export const rows = 1_000_000
const script = join(root, 'bench', 'ledger.ts')
const folder = () => join(partsFolder(), `bench-ledger-${rows}`)

/** The database that `measureLedger` leaves behind. */
export const filledLedger = (): string => join(folder(), 'postern.db')

/** `bench/ledger.ts` on a million rows, which are kept. */
export const measureLedger = async (): Promise<LedgerResult> => {
  await mkdir(folder(), { recursive: true })
  const { stdout } = await must(process.execPath, [script, String(rows), folder()])
  return { rows, ...readLedger(stdout) }
}

/** @throws Error when it says something else than it did */
export const readLedger = (text: string): Omit<LedgerResult, 'rows'> => {
  const number = (pattern: RegExp): number => {
    const found = text.match(pattern)?.[1]
    if (found === undefined) throw new Error(`bench/ledger.ts does not tell ${pattern}`)
    return Number(found)
  }
  // What was asked, and four times: the first, the middle and the longest of them, and of the processor.
  const questions = [...text.matchAll(/^(\S.*?) +[\d.]+ +([\d.]+) +([\d.]+) +[\d.]+$/gm)]
  const slowest = questions.toSorted((a, b) => Number(b[3]) - Number(a[3]))[0]
  if (slowest === undefined) throw new Error('bench/ledger.ts asked nothing')
  return {
    start: number(/^start +([\d.]+) s$/m) * 1000,
    questions: questions.length,
    slowest: { what: slowest[1] ?? '', p50: Number(slowest[2]), max: Number(slowest[3]) },
    slow: number(/slower than 200 ms: (\d+)/),
    written: number(/rows written: (\d+) rows\/s/),
  }
}
