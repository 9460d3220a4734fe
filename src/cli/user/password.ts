import { randomBytes } from 'node:crypto'
import { text as readAll } from 'node:stream/consumers'
import { isCancel, password as prompt } from '@clack/prompts'
import bcrypt from 'bcryptjs'

/** About a third of a second of a core for each check that no cache answers. */
const COST = 12

export interface NewPassword {
  readonly hash: string
  /** Only when nobody gave one: to be shown once. */
  readonly generated?: string
}

export interface PasswordFlags {
  readonly passwordStdin?: boolean
  /** Asks nobody, even on a terminal. */
  readonly unattended?: boolean
}

/**
 * A password from `--password-stdin`, `$POSTERN_PASSWORD` or a prompt; without any of them and without a terminal a
 * random one. Never from an argument: other users of the machine see those.
 * @throws Error when it cannot be one
 */
export async function newPassword(flags: PasswordFlags): Promise<NewPassword> {
  const given = await givenPassword(flags)
  const password = given ?? generatePassword()
  const refused = refusePassword(password)
  if (refused !== undefined) throw new Error(refused)
  const hash = await bcrypt.hash(password, COST)
  return given === undefined ? { hash, generated: password } : { hash }
}

async function givenPassword(flags: PasswordFlags): Promise<string | undefined> {
  if (flags.passwordStdin) return (await readAll(process.stdin)).replace(/\r?\n$/, '')
  if (process.env.POSTERN_PASSWORD !== undefined) return process.env.POSTERN_PASSWORD
  return process.stdin.isTTY && !flags.unattended ? askTwice() : undefined
}

async function askTwice(): Promise<string> {
  const first = await ask('Password')
  if ((await ask('Once more')) !== first) throw new Error('the two passwords differ')
  return first
}

async function ask(message: string): Promise<string> {
  const answer = await prompt({ message, validate: (value = '') => refusePassword(value) })
  if (isCancel(answer)) throw new Error('cancelled; nothing was changed')
  return answer
}

/** 120 random bits. */
const generatePassword = (): string => randomBytes(15).toString('base64url')

/** Why this cannot be a password, or undefined. */
export function refusePassword(password: string): string | undefined {
  if (password === '') return 'the password is empty'
  // Basic credentials cannot carry them (RFC 7617 section 2).
  if (/\p{Cc}/u.test(password)) return 'the password has a control character in it'
  // bcrypt looks at no more, so a longer one would match everything that begins like it (hazards 21).
  const { length } = new TextEncoder().encode(password)
  return length > 72 ? `the password is ${length} bytes long; bcrypt takes at most 72` : undefined
}
