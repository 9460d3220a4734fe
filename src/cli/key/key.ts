import { Command, InvalidArgumentError, Option } from 'commander'
import { isLogin, modelPattern } from '../../config/values/fields/fields.ts'
import { parseAmount, parseQuota } from '../../config/values/quota-text.ts'
import { parseDuration } from '../../config/values/units.ts'
import { keyRow } from '../../ledger/store/keys/key-row.ts'
import type { KeyRow } from '../../ledger/store/keys/keys.ts'
import type { Door, KeyLimits } from '../../platform/caller.ts'
import { act, type Deed } from '../act.ts'
import { type LedgerFlags, ledgerOptions, withLedger } from '../ledger.ts'
import { print } from '../table.ts'
import { chosen } from './choose.ts'
import { asJson, asTable, iso, json, shown, stateOf } from './show.ts'
import { currentSigner, mint, rotate } from './sign.ts'

interface CreateFlags extends LedgerFlags {
  readonly login: string
  readonly name: string
  readonly models?: readonly string[]
  readonly via?: readonly Door[]
  readonly role?: 'user' | 'admin'
  readonly quota?: string
  readonly quotaRate?: string
  readonly expires: number | 'never'
  readonly signed?: boolean
  readonly json?: boolean
}

interface Flags extends LedgerFlags {
  readonly login?: string
  readonly all?: boolean
  readonly json?: boolean
}

/** `postern key`: scoped, expiring API keys. A running gateway follows within a second. */
export const keyCommand = (): Command =>
  new Command('key')
    .description(
      'API keys: create, list, revoke, rotate; a running gateway follows within a second',
    )
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addCommand(rotateCommand())
    .addCommand(retireCommand())

const doors: readonly Door[] = ['local', 'tailnet', 'public']

const createCommand = (): Command =>
  ledgerOptions(new Command('create').description('make a key and print it, this once'))
    .requiredOption('--login <login>', 'whose it is: it may do what this login may', login)
    .option('--name <text>', 'what it is for, for `postern key list`', label, '')
    .option('--models <glob...>', 'only these models, as "provider/model"', glob)
    .addOption(new Option('--via <door...>', 'only through these doors').choices(doors))
    .addOption(new Option('--role <role>', 'at most this role').choices(['user', 'admin']))
    .option('--quota <amount>', 'a budget of its own, such as "$5.00" or "100k tokens"', budget)
    .option('--quota-rate <rate>', 'how fast that fills again, such as "$5.00/month"')
    .addOption(
      new Option('--expires <span>', 'such as 30d, or never')
        .argParser(expiry)
        .default(expiry('90d'), '90d'),
    )
    .option('--signed', 'a token (JWT) that shows its login and end, instead of random characters')
    .option('--json', 'print JSON')
    .action(async (flags: CreateFlags) => {
      if (flags.models && flags.role === 'admin') {
        throw new Error(
          'a key for some models only cannot manage the gateway: leave --role admin out',
        )
      }
      const lifetime = flags.expires === 'never' ? undefined : flags.expires
      const wanted = { login: flags.login, name: flags.name, limits: limitsOf(flags), lifetime }
      const { key, kept } = await mint(flags, wanted, flags.signed ?? false)
      const row = keyRow(kept)
      if (flags.json) return print(json({ ...asJson(row, Date.now()), key }))
      process.stderr.write(`key ${row.id} of ${row.login}, ${end(row)}; shown this once: keep it\n`)
      await print(`${key}\n`)
    })

const listCommand = (): Command =>
  ledgerOptions(new Command('list').description('who has which keys, and when they were last used'))
    .option('--login <login>', 'of this login only', login)
    .option('--all', 'expired and revoked ones too')
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => {
      const now = Date.now()
      const rows = (await withLedger(flags, (db, { listKeys }) => listKeys(db))).filter(
        (row) =>
          (flags.all || stateOf(row, now) === 'active') &&
          (flags.login === undefined || row.login === flags.login),
      )
      await print(flags.json ? json(rows.map((row) => asJson(row, now))) : asTable(rows, now))
    })

const revokeCommand = (): Command =>
  ledgerOptions(new Command('revoke').description('end a key, or all of a login'))
    .argument('[id]', 'id of the key, or how id or key begin, as `postern key list` shows them')
    .option('--login <login>', 'every key of this login', login)
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, flags: Flags) => {
      const now = Date.now()
      const all = await withLedger(flags, (db, { listKeys }) => listKeys(db))
      const rows = chosen(all, id, flags.login)
      const valid = rows.filter(({ revokedAt }) => revokedAt === null)
      await act(flags, valid.map(revocation(now)))
      const revoked = new Set(valid.map((row) => row.id))
      const report = rows.map((row) => ({ id: row.id, revoked: revoked.has(row.id) }))
      await print(flags.json ? json(report) : rows.map((row) => line(row, revoked)).join(''))
    })

const revocation =
  (at: number) =>
  ({ id, login: owner }: KeyRow): Deed => ({
    action: 'key.revoke',
    target: id,
    detail: owner,
    change: { kind: 'key.revoke', id, at },
  })

const line = (row: KeyRow, revoked: ReadonlySet<string>): string =>
  `key ${row.id} (${shown(row)}) of ${row.login} ${revoked.has(row.id) ? 'is' : 'was already'} revoked\n`

const rotateCommand = (): Command =>
  ledgerOptions(new Command('rotate').description('sign with a new key from now on'))
    .addHelpText('after', '\nWhat the old ones signed stays good until they are retired.')
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => {
      const { kid, older } = await rotate(flags)
      if (flags.json) return print(json({ kid, older }))
      const rest = older.map((each) => `still good: what ${each} signed\n`).join('')
      await print(`signing with ${kid}\n${rest}`)
    })

const retireCommand = (): Command =>
  ledgerOptions(new Command('retire').description('refuse whatever a signing key has signed'))
    .argument('<kid>', 'as `postern key rotate` shows it')
    // Keys of older versions may have a name that begins with a dash.
    .allowUnknownOption()
    .action(async (kid: string, flags: Flags) => {
      if ((await currentSigner(flags))?.kid === kid) {
        throw new Error(`${kid} signs at present: run \`postern key rotate\` first`)
      }
      const signers = await withLedger(flags, (db, { listSigners }) => listSigners(db))
      if (!signers.some((each) => each.kid === kid && each.retiredAt === null)) {
        throw new Error(`no signing key ${kid} is in force`)
      }
      const change = { kind: 'key.retire', kid, at: Date.now() } as const
      await act(flags, [{ action: 'key.retire', target: kid, change }])
      await print(`what ${kid} signed is refused from now on\n`)
    })

const limitsOf = ({ models, via, role, ...flags }: CreateFlags): KeyLimits => ({
  ...(models && { models }),
  ...(via && { via }),
  ...(role && { role }),
  ...quotaOf(flags),
})

const quotaOf = ({
  quota: capacity,
  quotaRate: rate,
}: Pick<CreateFlags, 'quota' | 'quotaRate'>): Pick<KeyLimits, 'quota'> => {
  if (capacity === undefined && rate === undefined) return {}
  const quota = { capacity: capacity ?? '', ...(rate !== undefined && { rate }) }
  const { why } = parseQuota(quota)
  if (why !== undefined) throw new Error(`this budget cannot be kept: ${why}`)
  return { quota }
}

const end = ({ expiresAt }: KeyRow): string =>
  expiresAt === null ? 'without an end' : `good until ${iso(expiresAt)}`

function login(text: string): string {
  if (isLogin(text)) return text.toLowerCase()
  throw new InvalidArgumentError('Give a name or an e-mail address, such as alice@example.com.')
}

function label(text: string): string {
  if (/^[^\p{C}]{0,80}$/u.test(text)) return text
  throw new InvalidArgumentError('Give up to 80 characters in one line.')
}

function glob(text: string, before: readonly string[] = []): readonly string[] {
  if (!modelPattern().safeParse(text).success || !/^\*\*$|\//.test(text)) {
    throw new InvalidArgumentError('Give a pattern such as "provider/model" or "*/model".')
  }
  return [...before, text]
}

function budget(text: string): string {
  if (parseAmount(text)) return text
  throw new InvalidArgumentError('Give an amount such as "$5.00", "100k tokens" or "500 requests".')
}

function expiry(text: string): number | 'never' {
  if (text === 'never') return text
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= 1000 && ms <= LONGEST) return ms
  throw new InvalidArgumentError('Give a duration such as 30d, up to 3650d, or never.')
}

const LONGEST = 3650 * 86_400_000
