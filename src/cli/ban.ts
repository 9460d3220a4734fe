import { Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../config/values/units.ts'
import { addressSet, contains } from '../gateway/http/guards/client-address.ts'
import { banAddress, bannableAddress } from '../gateway/ratelimit/ban-address.ts'
import type { Ban } from '../platform/records/ban.ts'
import { act } from './act.ts'
import { type LedgerFlags, ledgerOptions, withLedger } from './ledger.ts'
import { print, table } from './table.ts'

interface ListFlags extends LedgerFlags {
  readonly all?: boolean
  readonly json?: boolean
}

interface AddFlags extends LedgerFlags {
  readonly for?: number
  readonly note: string
  readonly json?: boolean
}

/** `postern ban`: banned addresses. A running gateway follows within a second. */
export const banCommand = (): Command =>
  new Command('ban')
    .description(
      'banned addresses; a running gateway follows within a second, or five with its ledger on a server',
    )
    .addCommand(listCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())

const listCommand = (): Command =>
  ledgerOptions(new Command('list').description('bans: address, since when, for how long'))
    .option('--all', 'lapsed bans too, which lengthen the next one')
    .option('--json', 'print JSON')
    .action(async (flags: ListFlags) => {
      const now = Date.now()
      const known = await withLedger(flags, (db, { selectBans }) => selectBans(db, now))
      const bans = flags.all ? known : known.filter((ban) => inForce(ban, now))
      await print(flags.json ? json(bans.map(asJson)) : asTable(bans, now))
    })

const addCommand = (): Command =>
  ledgerOptions(new Command('add').description('shut an address or a CIDR range out'))
    .argument('<address>', 'IPv4, IPv6 (its whole /64) or CIDR', argument(bannableAddress))
    .option('--for <duration>', 'such as 1h or 7d; until it is removed if not given', duration)
    .option('--note <text>', 'why, for `postern ban list`', '')
    .option('--json', 'print JSON')
    .action(async (address: string, flags: AddFlags) => {
      const startedAt = Date.now()
      const until = flags.for === undefined ? null : startedAt + flags.for
      const ban: Ban = { address, cause: 'admin', level: 1, startedAt, until, note: flags.note }
      const change = { kind: 'ban.set', ban } as const
      await act(flags, [{ action: 'ban.set', target: address, detail: flags.note, change }])
      await print(flags.json ? json(asJson(ban)) : `${address} is banned ${end(ban)}\n`)
    })

const removeCommand = (): Command =>
  ledgerOptions(new Command('remove').description('let an address in again'))
    .argument('<address>', 'as `postern ban list` shows it', argument(banAddress))
    .option('--json', 'print JSON')
    .action(async (address: string, flags: ListFlags) => {
      const known = await withLedger(flags, (db, { selectBans }) => selectBans(db, Date.now()))
      const removed = known.some((ban) => ban.address === address)
      const change = { kind: 'ban.lift', address } as const
      if (removed) await act(flags, [{ action: 'ban.lift', target: address, change }])
      const left = known.filter((ban) => ban.address !== address)
      const covering = left.filter((ban) => inForce(ban, Date.now()) && covers(ban, address))
      const report = { address, removed, covered_by: covering.map(named) }
      await print(flags.json ? json(report) : removal(report))
    })

const removal = (report: { address: string; removed: boolean; covered_by: string[] }): string => {
  const { address, removed, covered_by } = report
  const rest = covered_by.length > 0 ? `, but ${covered_by.join(', ')} still covers it` : ''
  return `${address} ${removed ? 'is no longer banned' : 'was not banned'}${rest}\n`
}

/** Commander prints what an argument's parser refuses. */
const argument =
  (read: (text: string) => string) =>
  (text: string): string => {
    try {
      return read(text)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
    }
  }

const duration = (text: string): number => {
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('Give a duration such as 1h.')
  return ms
}

const inForce = ({ until }: Ban, now: number): boolean => until === null || until > now

const covers = (ban: Ban, address: string): boolean =>
  contains(addressSet([ban.address]), address.split('/')[0] ?? '')

const named = ({ address }: Ban): string => address

const end = ({ until }: Ban): string =>
  until === null ? 'until it is removed' : `until ${new Date(until).toISOString()}`

const asTable = (bans: readonly Ban[], now: number): string => {
  if (bans.length === 0) return 'nobody is banned\n'
  const columns = ['address', 'cause', 'level', 'since', 'until', 'note']
  const rows = bans.map((ban) => [
    ban.address,
    ban.cause,
    String(ban.level),
    new Date(ban.startedAt).toISOString(),
    ban.until === null ? 'no end' : new Date(ban.until).toISOString(),
    inForce(ban, now) ? ban.note : `(lapsed) ${ban.note}`,
  ])
  return table(
    columns.map((name) => ({ name })),
    rows,
  )
}

const asJson = ({ address, cause, level, startedAt, until, note }: Ban) => ({
  address,
  cause,
  level,
  started_at: new Date(startedAt).toISOString(),
  until: until === null ? null : new Date(until).toISOString(),
  note,
})

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
