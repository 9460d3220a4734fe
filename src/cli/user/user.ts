import { randomBytes } from 'node:crypto'
import { Command } from 'commander'
import { loadConfig } from '../../adapter/node/config/config-file.ts'
import type { UserConfig } from '../../config/config.ts'
import { formatProblem, type Problem } from '../../config/problem.ts'
import { encodeBase32 } from '../../config/values/base32.ts'
import { otpauthUrl } from '../../gateway/identity/totp.ts'
import { changeFile } from '../act.ts'
import { print, table } from '../table.ts'
import { configOption, dataOption } from './config-option.ts'
import { readUsers, type UserEntry, type UsersFile, writeUser } from './edit.ts'
import { newPassword, type PasswordFlags } from './password.ts'

interface Flags extends PasswordFlags {
  readonly config: string
  readonly data: string
}

interface AddFlags extends Flags {
  readonly login?: string
  readonly group?: readonly string[]
}

/** `postern user`: the people and programs that sign in with a password. A running gateway takes changes over at once. */
export const userCommand = (): Command =>
  new Command('user')
    .description('password users: add, passwd, totp, remove, list')
    .addCommand(
      withPassword(new Command('add').description('add a user'))
        .option('--login <login>', 'who this is in grants and usage (default: the name)')
        .option('--group <group...>', 'groups this user is in')
        .action(add),
    )
    .addCommand(withPassword(new Command('passwd').description('change a password')).action(passwd))
    .addCommand(
      new Command('totp')
        .description('ask a user for the code of an authenticator app when they sign in')
        .argument('<name>')
        .addOption(configOption())
        .addOption(dataOption())
        .option('--remove', 'ask for none any more')
        .action(totp),
    )
    .addCommand(
      new Command('remove')
        .description('remove a user')
        .argument('<name>')
        .addOption(configOption())
        .addOption(dataOption())
        .action(remove),
    )
    .addCommand(
      new Command('list')
        .description('list the users')
        .addOption(configOption())
        .option('--json', 'print as JSON')
        .action(list),
    )

const withPassword = (command: Command): Command =>
  command
    .argument('<name>')
    .addOption(configOption())
    .addOption(dataOption())
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText(
      'after',
      '\nIt has 12 characters or more, or three words, and is none of those that are guessed first. The password comes from standard input, $POSTERN_PASSWORD or a prompt. Without any of them and without a ' +
        'terminal\na random one is made and printed once.',
    )

async function add(name: string, flags: AddFlags): Promise<void> {
  const file = await readUsers(flags.config)
  const same = [...file.users.keys()].find((it) => it.toLowerCase() === name.toLowerCase())
  if (same !== undefined) throw new Error(`there is already a user ${same}`)
  const about = [name, ...(flags.login === undefined ? [] : [flags.login])]
  const { hash, generated } = await newPassword({ ...flags, about })
  const groups = flags.group?.map((group) => group.replace(/^(?!group:)/, 'group:'))
  const entry = {
    password: hash,
    ...(flags.login !== undefined && { login: flags.login }),
    ...(groups && { groups }),
  }
  const detail = JSON.stringify({ login: flags.login ?? name, groups: groups ?? [] })
  await save(flags, { action: 'user.add', target: name, detail }, () =>
    writeUser(file, name, { entry }),
  )
  tell(`user ${name} added`, generated)
}

async function passwd(name: string, flags: Flags): Promise<void> {
  const file = await readUsers(flags.config)
  const entry = existing(file, name)
  if (typeof entry.password === 'string' && /^(env|file):/.test(entry.password)) {
    throw new Error(`the hash of ${name} is kept in ${entry.password}; change it there`)
  }
  const about = [name, ...(typeof entry.login === 'string' ? [entry.login] : [])]
  const { hash, generated } = await newPassword({ ...flags, about })
  await save(flags, { action: 'user.passwd', target: name }, () =>
    writeUser(file, name, { field: 'password', value: hash }),
  )
  tell(`password of ${name} changed`, generated)
}

async function totp(name: string, flags: Flags & { readonly remove?: boolean }): Promise<void> {
  const { remove: off = false } = flags
  const file = await readUsers(flags.config)
  const { totp: kept } = existing(file, name)
  if (typeof kept === 'string' && /^(env|file):/.test(kept)) {
    throw new Error(`the secret of ${name} is kept in ${kept}; change it there`)
  }
  const value = off ? undefined : encodeBase32(randomBytes(20))
  await save(flags, { action: 'user.totp', target: name, detail: off ? 'off' : 'on' }, () =>
    writeUser(file, name, { field: 'totp', value }),
  )
  if (value === undefined) return tell(`${name} needs no code any more`)
  tell(
    `${name} needs a code from now on, wherever people sign in; open browsers have to sign in again\n` +
      `secret: ${value}   (for an authenticator app; shown this once)\n` +
      `${otpauthUrl('Postern', name, value)}`,
  )
}

async function remove(name: string, flags: Flags): Promise<void> {
  const file = await readUsers(flags.config)
  existing(file, name)
  await save(flags, { action: 'user.remove', target: name }, () => writeUser(file, name, undefined))
  tell(`user ${name} removed`)
}

async function list({
  config: path,
  json = false,
}: {
  config: string
  json?: boolean
}): Promise<void> {
  const { config, problems } = await loadConfig(path)
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  const rows = [...config.users].map(([name, user]) => describe(name, user))
  await print(json ? `${JSON.stringify(rows, null, 2)}\n` : table(COLUMNS, rows.map(toCells)))
}

function existing({ users, path }: UsersFile, name: string): UserEntry {
  const entry = users.get(name)
  if (!entry) throw new Error(`there is no user ${name} in ${path}`)
  return entry
}

/** Warnings that come with the change, such as a user whom no grant covers, go to stderr. */
async function save(...[flags, deed, write]: Parameters<typeof changeFile<readonly Problem[]>>) {
  for (const problem of await changeFile(flags, deed, write)) {
    process.stderr.write(`${formatProblem(problem)}\n`)
  }
}

function tell(done: string, generated?: string): void {
  process.stdout.write(`${done}\n`)
  if (generated === undefined) return
  process.stdout.write(`password: ${generated}   (shown this once: keep it)\n`)
}

interface Row {
  readonly name: string
  readonly login: string
  readonly groups: readonly string[]
  /** bcrypt cost. */
  readonly cost: number
  /** Whether a code is asked for. */
  readonly totp: boolean
}

const COLUMNS = [
  { name: 'name' },
  { name: 'login' },
  { name: 'groups' },
  { name: 'cost', numeric: true },
  { name: 'code' },
]

const toCells = ({ name, login, groups, cost, totp }: Row): string[] => [
  name,
  login,
  groups.join(' ') || '-',
  String(cost),
  totp ? 'yes' : '-',
]

const describe = (name: string, { login, groups, password, totp }: UserConfig): Row => ({
  name,
  login,
  groups,
  cost: Number(password.slice(4, 6)),
  totp: totp !== undefined,
})
