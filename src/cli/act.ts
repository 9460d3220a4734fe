import { userInfo } from 'node:os'
import { uuidv7 } from '../adapter/node/uuid.ts'
import type { Act, AuditRow, Change } from '../platform/records/act.ts'
import { hasLedger, type LedgerFlags, recordActs } from './ledger.ts'

/** What a command does to the gateway, as the audit names it. */
export interface Deed {
  /** The same words as the API has for it: `key.create`, `ban.lift`. */
  readonly action: string
  /** Never a secret, as `detail`. */
  readonly target: string
  readonly detail?: string
  /** Written in one transaction with the audit. */
  readonly change?: Change
  readonly outcome?: AuditRow['outcome']
}

const COMMAND_LINE = 'command line'

/**
 * Who runs this command: the user of the system, and under sudo the user that called it as well: `root (sudo by ana)`.
 * Any user may set `SUDO_USER`, so only a process of root is believed.
 */
export const systemUser = (env: NodeJS.ProcessEnv = process.env): string => {
  const name = nameOfProcess()
  const calledBy = process.geteuid?.() === 0 ? env.SUDO_USER : undefined
  return calledBy !== undefined && isUserName(calledBy) ? `${name} (sudo by ${calledBy})` : name
}

/** Terminals and pages show it, so it has no control characters and a bounded length. */
const isUserName = (text: string): boolean => /^[^\p{C}]{1,128}$/u.test(text)

/** A container may run as a number that has no name. */
const nameOfProcess = (): string => {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.geteuid?.() ?? 'unknown'}`
  }
}

/** As rows name who made them. */
export const madeBy = (): string => `${systemUser()} (${COMMAND_LINE})`

export const actOf = ({ action, target, detail = '', outcome = 'done', change }: Deed): Act => ({
  audit: {
    id: uuidv7(),
    at: Date.now(),
    login: systemUser(),
    kind: 'user',
    credentialId: COMMAND_LINE,
    door: 'local',
    clientIp: '',
    action,
    target,
    outcome,
    detail,
    requestId: '',
  },
  ...(change && { change }),
})

/**
 * Does what is done to the ledger, and writes who did it: both in one transaction, or neither. There is no other way to
 * change keys, bans or budgets from the command line.
 * @throws Error with a message for people, and then nothing was done
 */
export const act = (flags: LedgerFlags, deeds: readonly Deed[]): Promise<void> =>
  recordActs(flags, deeds.map(actOf))

/**
 * Writes who changed the configuration, before it is done. Whoever may change the file may do so without this command, so
 * that a ledger which cannot be written to is no reason to leave it; where there is none yet there is nothing to write to.
 * @param change does it; its error is put on record and thrown again
 */
export const changeFile = async <T>(
  flags: LedgerFlags,
  deed: Omit<Deed, 'change' | 'outcome'>,
  change: () => Promise<T>,
): Promise<T> => {
  await note(flags, deed)
  try {
    return await change()
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    await note(flags, { ...deed, detail, outcome: 'failed' })
    throw error
  }
}

const note = async (flags: LedgerFlags, deed: Deed): Promise<void> => {
  try {
    if (await hasLedger(flags)) await act(flags, [deed])
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(`this is not in the audit: ${reason}\n`)
  }
}
