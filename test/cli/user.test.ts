import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcryptjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseText } from '../../src/adapter/node/config/config-file.ts'
import { refusePassword } from '../../src/cli/user/password.ts'
import { userCommand } from '../../src/cli/user/user.ts'
import { HASH } from '../config/read.ts'
import { type Ran, runCommand } from './run.ts'

let folder: string
let path: string
const FILE = `{
  // who
  "users": {
    "owner": { "password": "${HASH}" }, // me
    /* nobody else yet */
  },
}
`
const user = (...args: string[]): Promise<Ran> =>
  runCommand(userCommand(), ...args, '--config', path)
const saved = () => parseText(path, readFileSync(path, 'utf8')).config?.users

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-user-'))
  path = join(folder, 'postern.hujson')
  writeFileSync(path, FILE)
  delete process.env.POSTERN_PASSWORD
})
afterEach(() => {
  delete process.env.POSTERN_PASSWORD
  rmSync(folder, { recursive: true })
})

describe('postern user add', () => {
  it('writes a bcrypt hash of cost 12, login and groups, and keeps every comment', async () => {
    process.env.POSTERN_PASSWORD = 'correct horse'
    const ran = await user(
      'add',
      'alice',
      '--login',
      'Alice@Example.com',
      '--group',
      'family',
      'group:x',
    )
    expect(ran).toMatchObject({ code: 0, out: 'user alice added\n' })
    const alice = saved()?.get('alice')
    expect(alice).toMatchObject({
      login: 'alice@example.com',
      groups: ['group:family', 'group:x'],
      password: expect.stringMatching(/^\$2b\$12\$/),
    })
    expect(await bcrypt.compare('correct horse', alice?.password ?? '')).toBe(true)
    const text = readFileSync(path, 'utf8')
    for (const comment of ['// who', '// me', '/* nobody else yet */'])
      expect(text).toContain(comment)
  })

  it('warns when no grant covers the login', async () => {
    process.env.POSTERN_PASSWORD = 'correct horse'
    const { err } = await user('add', 'bob')
    expect(err).toMatch(
      /users\.bob: no grant covers the login "bob"\. Add it to the "src" of a grant/,
    )
  })

  it('makes a password and prints it once when there is none and no terminal', async () => {
    const { out } = await user('add', 'alice')
    const password = /^password: (\S{20}) {3}\(shown this once/m.exec(out)?.[1] ?? ''
    expect(await bcrypt.compare(password, saved()?.get('alice')?.password ?? '')).toBe(true)
    expect(readFileSync(path, 'utf8')).not.toContain(password)
  })

  it('adds the user that an open listener lacks', async () => {
    writeFileSync(path, '{ "listeners": [{ "name": "a", "bind": "0.0.0.0:1" }] }')
    expect(saved()).toBeUndefined()
    expect((await user('add', 'owner')).code).toBe(0)
    expect(saved()?.has('owner')).toBe(true)
  })

  it.each([
    ['a name that is taken but for case', 'OWNER', 'there is already a user owner'],
    ['a name with a colon', 'a:b', /nothing was changed:\n.*cannot be a user name/],
    ['a name that means everybody', '*', /cannot be a login/],
    ['a name that reaches into the prototype', '__proto__', /not allowed/],
  ])('refuses %s and leaves the file alone', async (_, name, message) => {
    process.env.POSTERN_PASSWORD = 'correct horse'
    expect((await user('add', name)).failure).toMatch(message)
    expect(readFileSync(path, 'utf8')).toBe(FILE)
  })

  it('refuses a file that is not HuJSON, with the place', async () => {
    writeFileSync(path, '{\n  "users": {')
    expect((await user('add', 'alice')).failure).toMatch(/postern\.hujson:2:/)
  })

  it('says what to do when there is no file', async () => {
    rmSync(path)
    expect((await user('add', 'alice')).failure).toMatch(/no such file; run `postern init`/)
  })
})

describe('postern user passwd', () => {
  it('changes the hash and nothing else', async () => {
    process.env.POSTERN_PASSWORD = 'another battery'
    expect((await user('passwd', 'owner')).out).toBe('password of owner changed\n')
    const hash = saved()?.get('owner')?.password ?? ''
    expect(await bcrypt.compare('another battery', hash)).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe(FILE.replace(HASH, hash))
  })

  it('does not replace a reference', async () => {
    writeFileSync(path, '{ "users": { "owner": { "password": "env:OWNER_HASH" } } }')
    expect((await user('passwd', 'owner')).failure).toBe(
      'the hash of owner is kept in env:OWNER_HASH; change it there',
    )
  })

  it('refuses an unknown user', async () => {
    expect((await user('passwd', 'nobody')).failure).toMatch(/there is no user nobody/)
  })
})

describe('postern user remove', () => {
  it('takes the user out and keeps the comments', async () => {
    process.env.POSTERN_PASSWORD = 'correct horse'
    await user('add', 'alice')
    expect((await user('remove', 'alice')).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(FILE)
  })

  it('does not take the last user from a listener that others can reach', async () => {
    const open = FILE.replace('{\n', '{ "listeners": [{ "name": "a", "bind": "0.0.0.0:1" }],\n')
    writeFileSync(path, open)
    expect((await user('remove', 'owner')).failure).toMatch(/no user is defined/)
    expect(readFileSync(path, 'utf8')).toBe(open)
  })
})

describe('postern user totp', () => {
  it('writes a secret, shows it once, and takes it out again', async () => {
    const { code, out } = await user('totp', 'owner')
    expect(code).toBe(0)
    const secret = saved()?.get('owner')?.totp ?? ''
    expect(secret).toMatch(/^[A-Z2-7]{32}$/)
    expect(out).toContain(`secret: ${secret}`)
    expect(out).toContain(`otpauth://totp/Postern:owner?secret=${secret}&issuer=Postern`)
    expect((await user('list')).out).not.toContain(secret)
    expect((await user('list')).out).toMatch(/4 {2}yes\n$/)
    expect(readFileSync(path, 'utf8')).toContain('// me')
    await user('totp', 'owner')
    expect(saved()?.get('owner')?.totp).not.toBe(secret)
    expect((await user('totp', 'owner', '--remove')).code).toBe(0)
    expect(saved()?.get('owner')).not.toHaveProperty('totp')
  })

  it('is for users there are, and leaves a secret alone that is kept elsewhere', async () => {
    expect((await user('totp', 'nobody')).failure).toContain('there is no user nobody')
    writeFileSync(path, FILE.replace('" }', '", "totp": "env:CODE" }'))
    expect((await user('totp', 'owner')).failure).toContain('kept in env:CODE')
  })
})

describe('postern user list', () => {
  it('prints names, logins, groups and cost, never hashes', async () => {
    const { out } = await user('list')
    expect(out).toBe('NAME   LOGIN  GROUPS  COST  CODE\nowner  owner  -          4  -\n')
    const json = (await user('list', '--json')).out
    const owner = { name: 'owner', login: 'owner', groups: [], cost: 4, totp: false }
    expect(JSON.parse(json)).toEqual([owner])
  })
})

describe('a password', () => {
  it.each([
    ['', 'the password is empty'],
    ['a\nb', 'the password has a control character in it'],
    ['a'.repeat(73), 'the password is 73 bytes long; bcrypt takes at most 72'],
    ['ä'.repeat(37), 'the password is 74 bytes long; bcrypt takes at most 72'],
    ['bvkqwzxnhtrd'.repeat(6), undefined],
    [`${'correct horse battery staple '.repeat(2)}fits!`, undefined],
    ['Zwölf:Boxkämpfer ß', undefined],
    ['x', /^the password has 1 characters: use 12 or more, or 3 words$/],
    ['password12345', /^the password is one of the first that are tried/],
  ])('%j: %s', (password, refused) => {
    if (refused instanceof RegExp) expect(refusePassword(password)).toMatch(refused)
    else expect(refusePassword(password)).toBe(refused)
  })

  it('is not taken when it is weak, or made of the user’s own name, and nothing is written', async () => {
    for (const weak of ['hunter2', 'password2026!', 'alice@example.com', 'alice-password']) {
      process.env.POSTERN_PASSWORD = weak
      const ran = await user('add', 'alice', '--login', 'alice@example.com')
      expect(ran.failure).toMatch(/12 or more|first that are tried/)
    }
    expect(saved()?.has('alice')).toBe(false)
  })

  it('is never taken from an argument', async () => {
    expect((await user('add', 'alice', 'secret')).failure).toMatch(/too many arguments/)
    expect((await user('add', 'alice', '--password', 'secret')).failure).toMatch(/unknown option/)
  })
})
