import { type Finding, keyError, quote, warning } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'
import { isLogin } from '../values/fields/fields.ts'
import { checkHash, millisecondsPerCheck, SLOW_COST } from '../values/password-hash.ts'
import type { Declared } from './check.ts'

export function checkUsers(file: ConfigFile, declared: Declared): Finding[] {
  return [
    ...declared.users.flatMap((name) => checkName(name, file)),
    ...sameButForCase(declared.users),
    ...Object.entries(file.users).flatMap(([name, { password }]) => checkCost(name, password)),
    ...declared.groups.flatMap(checkGroupName),
  ]
}

/** Basic credentials end the name at the first colon (RFC 7617 section 2). */
function checkName(name: string, file: ConfigFile): Finding[] {
  const path = ['users', name]
  if (!/^[^\s\p{C}:]([^\p{C}:]{0,126}[^\s\p{C}:])?$/u.test(name)) {
    const remedy = 'Use 1 to 128 characters without colon, control characters or blanks at the ends'
    return [keyError(path, `${quote(name)} cannot be a user name`, remedy)]
  }
  if (file.users[name] === undefined || file.users[name].login !== undefined) return []
  if (isLogin(name)) return []
  return [
    keyError(path, `${quote(name)} cannot be a login`, 'Rename the user, or give it a "login"'),
  ]
}

function sameButForCase(names: readonly string[]): Finding[] {
  const seen = new Map<string, string>()
  return names.flatMap((name) => {
    const first = seen.get(name.toLowerCase())
    seen.set(name.toLowerCase(), first ?? name)
    if (first === undefined) return []
    const message = `users ${quote(first)} and ${quote(name)} differ only in case`
    return [keyError(['users', name], message, 'Rename or remove one of them')]
  })
}

function checkCost(name: string, password: string): Finding[] {
  const { cost = 0 } = checkHash(password)
  if (cost <= SLOW_COST) return []
  const ms = millisecondsPerCheck(cost)
  const message = `bcrypt cost ${cost} takes about ${ms} ms of a core for each check`
  const remedy = `Run \`postern user passwd ${name}\`, which uses cost ${SLOW_COST}`
  return [warning(['users', name, 'password'], message, remedy)]
}

function checkGroupName(name: string): Finding[] {
  if (/^group:[^\s\p{C}:*]{1,128}$/u.test(name)) return []
  const remedy = 'Write it as "group:name"'
  return [keyError(['groups', name], `${quote(name)} is not a valid group name`, remedy)]
}
