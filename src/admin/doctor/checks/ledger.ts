import type { LedgerFile, Machine } from '../../../platform/machine.ts'
import type { Ask } from '../../../platform/records/questions.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check, Given } from '../given.ts'
import { inTime } from '../in-time.ts'
import { inUnits } from '../units.ts'

const MiB = 1024 * 1024
/** Bytes of the journal: so many are more than a moment's, and so many it may hold (docs/ledger.md). */
const worthAWord = MiB
const most = 256 * MiB

/** Does the database answer, is its file sound, and does anything wait for it? */
export const checkLedger: Check = async (given) => {
  const { machine, ask } = given
  const file = await machine?.ledger()
  const ofFile = file === undefined ? [] : judgeFile(file)
  // A file that is damaged or closed to us answers nothing either.
  const answers = ask !== undefined && ofFile.length === 0 ? await answering(ask, given) : []
  const found = [...ofFile, ...answers, ...(machine ? await leftovers(machine) : [])]
  if (found.length > 0) return found
  return [fine('ledger', 'database', file?.state === 'missing' ? 'not made yet' : 'it answers')]
}

const judgeFile = (file: LedgerFile): Finding[] => {
  const { path } = file
  switch (file.state) {
    case 'missing':
    case 'sound':
      return []
    case 'late':
      return [finding('ledger.unchecked', 'database', { path })]
    case 'damaged':
      return [finding('ledger.damaged', 'database', { path, reason: file.reason })]
    case 'unreadable':
      return [finding('ledger.unreadable', 'database', { path, reason: file.reason })]
  }
}

const answering = async (ask: Ask, { clock }: Given): Promise<Finding[]> => {
  try {
    await inTime(ask('bans', { now: clock.now() }))
    return []
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return [finding('ledger.away', 'database', { reason })]
  }
}

const leftovers = async (machine: Machine): Promise<Finding[]> => {
  const { journal, rejected } = (await machine.facts()).data
  const found: Finding[] = []
  if (journal > 0.9 * most) {
    const values = { size: inUnits(journal), most: inUnits(most) }
    found.push(finding('ledger.journal_full', 'journal', values))
  } else if (journal > worthAWord) {
    found.push(finding('ledger.journal', 'journal', { size: inUnits(journal) }))
  }
  if (rejected > 0) {
    found.push(finding('ledger.rejected', 'ledger.rejected', { size: inUnits(rejected) }))
  }
  return found
}
