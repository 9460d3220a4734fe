import { randomBytes } from 'node:crypto'
import { text as readAll } from 'node:stream/consumers'
import { isCancel, password as prompt } from '@clack/prompts'
import bcrypt from 'bcryptjs'
import { weakness } from '../../config/values/password-strength.ts'

/** About a third of a second of a core for each check that no cache answers. */
const COST = 12

export interface NewPassword {
  readonly hash: string
  /** Only when nobody gave one: to be shown once. */
  readonly generated?: string
}

export interface PasswordFlags {
  readonly passwordStdin?: boolean
  /** Asks nothing, even on a terminal. */
  readonly unattended?: boolean
  /** Names of the user, which a guesser tries first. */
  readonly about?: readonly string[]
}

/**
 * A password from `--password-stdin`, `$POSTERN_PASSWORD` or a prompt; without any of them and without a terminal a
 * random one. Never from an argument: other users of the machine see those.
 * @throws Error when it cannot be one
 */
export async function newPassword(flags: PasswordFlags): Promise<NewPassword> {
  const given = await givenPassword(flags)
  const password = given ?? generatePassword()
  const refused = refusePassword(password, flags.about)
  if (refused !== undefined) throw new Error(refused)
  const hash = await bcrypt.hash(password, COST)
  return given === undefined ? { hash, generated: password } : { hash }
}

async function givenPassword(flags: PasswordFlags): Promise<string | undefined> {
  if (flags.passwordStdin) return (await readAll(process.stdin)).replace(/\r?\n$/, '')
  if (process.env.POSTERN_PASSWORD !== undefined) return process.env.POSTERN_PASSWORD
  return process.stdin.isTTY && !flags.unattended ? askTwice(flags.about) : undefined
}

async function askTwice(about: PasswordFlags['about']): Promise<string> {
  const first = await ask('Password: 12 characters or more, or three words', about)
  if ((await ask('Once more', about)) !== first) throw new Error('the two passwords differ')
  return first
}

async function ask(message: string, about: PasswordFlags['about']): Promise<string> {
  const answer = await prompt({ message, validate: (value = '') => refusePassword(value, about) })
  if (isCancel(answer)) throw new Error('cancelled; nothing was changed')
  return answer
}

/** 120 random bits. */
const generatePassword = (): string => randomBytes(15).toString('base64url')

/** Why this cannot be a password, or undefined. */
export function refusePassword(
  password: string,
  about: readonly string[] = [],
): string | undefined {
  if (password === '') return 'the password is empty'
  // Basic credentials cannot carry them (RFC 7617 section 2).
  if (/\p{Cc}/u.test(password)) return 'the password has a control character in it'
  // bcrypt looks at no more, so a longer one would match everything that begins like it.
  const { length } = new TextEncoder().encode(password)
  if (length > 72) return `the password is ${length} bytes long; bcrypt takes at most 72`
  return weakness(password, about)
}
