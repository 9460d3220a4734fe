import { readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import { systemUser } from '../../src/cli/act.ts'
import { importCommand } from '../../src/cli/import/import.ts'
import { userCommand } from '../../src/cli/user/user.ts'
import type { AuditRow } from '../../src/platform/records/act.ts'
import { HASH } from '../config/read.ts'
import { dataDir, store } from '../store/fixtures.ts'
import { postern } from './ledger-commands.ts'
import { runCommand } from './run.ts'

const quotas = { team: { capacity: '$5.00' } }
const CONFIG = JSON.stringify({ users: { owner: { password: HASH } }, quotas })

/** A data folder with a configuration and a ledger, as a gateway leaves it. */
const place = async (): Promise<string> => {
  const dir = dataDir()
  writeFileSync(join(dir, 'postern.hujson'), CONFIG, { mode: 0o600 })
  await (await store({ dataDir: dir })).close()
  return dir
}

const audit = async (dir: string): Promise<readonly AuditRow[]> => {
  const ledger = await store({ dataDir: dir })
  const rows = await ledger.ask('audit', { limit: 100 })
  await ledger.close()
  return rows.toReversed()
}

const acts = async (dir: string): Promise<string[]> =>
  (await audit(dir)).map(({ action, target, outcome }) => `${action} ${target} ${outcome}`)

const user = (dir: string, ...args: string[]) =>
  runCommand(userCommand(), ...args, '--config', join(dir, 'postern.hujson'), '--data', dir)

afterEach(() => {
  delete process.env.POSTERN_PASSWORD
  delete process.env.SUDO_USER
})

const key = async (dir: string, ...args: string[]): Promise<string> =>
  JSON.parse((await postern(dir, 'key', 'create', '--login', 'ana', '--json', ...args)).out).id

describe('the audit of what commands do', () => {
  it('has each key that is made and each that is revoked, once', async () => {
    const dir = await place()
    const [one, two] = [await key(dir, '--models', 'gpu/**'), await key(dir)]
    await postern(dir, 'key', 'revoke', one)
    await postern(dir, 'key', 'revoke', one)
    await postern(dir, 'key', 'revoke', '--login', 'ana')
    expect(await acts(dir)).toEqual([
      `key.create ${one} done`,
      `key.create ${two} done`,
      `key.revoke ${one} done`,
      `key.revoke ${two} done`,
    ])
    const [first] = await audit(dir)
    expect(first?.detail).toBe('{"login":"ana","name":"","models":["gpu/**"]}')
  })

  it('has signing keys that come and go', async () => {
    const dir = await place()
    const signed = await key(dir, '--signed')
    const { kid } = JSON.parse((await postern(dir, 'key', 'rotate', '--json')).out)
    const before = (await audit(dir))[0]?.target
    await postern(dir, 'key', 'retire', before ?? '')
    expect(await acts(dir)).toEqual([
      `key.rotate ${before} done`,
      `key.create ${signed} done`,
      `key.rotate ${kid} done`,
      `key.retire ${before} done`,
    ])
  })

  it('has bans and budgets, and nothing where nothing was done', async () => {
    const dir = await place()
    await postern(dir, 'ban', 'add', '192.0.2.7', '--note', 'scanner')
    await postern(dir, 'ban', 'remove', '192.0.2.8')
    await postern(dir, 'ban', 'remove', '192.0.2.7')
    await postern(dir, 'quota', 'refill', 'team', '$2.00')
    await postern(dir, 'quota', 'refill', 'nothing', '$2.00')
    expect(await acts(dir)).toEqual([
      'ban.set 192.0.2.7 done',
      'ban.lift 192.0.2.7 done',
      'quota.refill team done',
    ])
  })

  it('has who may sign in, without anything secret', async () => {
    const dir = await place()
    process.env.POSTERN_PASSWORD = 'correct horse battery'
    await user(dir, 'add', 'bob', '--login', 'bob@example.com', '--group', 'family')
    await user(dir, 'passwd', 'bob')
    const { out } = await user(dir, 'totp', 'bob')
    await user(dir, 'remove', 'bob')
    await user(dir, 'remove', 'bob')
    expect(await acts(dir)).toEqual([
      'user.add bob done',
      'user.passwd bob done',
      'user.totp bob done',
      'user.remove bob done',
    ])
    const rows = JSON.stringify(await audit(dir))
    expect(rows).toContain('bob@example.com')
    expect(rows).not.toContain('correct horse')
    expect(rows).not.toContain('$2b$')
    expect(rows).not.toContain(/secret: (\S+)/.exec(out)?.[1])
  })

  it('has a configuration that another took the place of', async () => {
    const dir = await place()
    const [from, out] = [join(dir, 'aperture.hujson'), join(dir, 'postern.hujson')]
    writeFileSync(
      from,
      '{ "providers": { "p": { "baseurl": "http://127.0.0.1:9", "models": ["m"] } } }',
    )
    const taken = (...flags: string[]) =>
      runCommand(importCommand(), 'aperture', from, '--out', out, '--data', dir, ...flags)
    await taken('--dry-run')
    await taken()
    await taken('--force')
    expect(await acts(dir)).toEqual([
      'config.replace configuration done',
      'config.replace configuration failed',
      'config.replace configuration done',
    ])
  })

  it('names the user of the system, and under sudo the user that called it as well', async () => {
    const dir = await place()
    const root = process.geteuid?.() === 0
    await key(dir)
    process.env.SUDO_USER = 'ana'
    await key(dir)
    const { username } = userInfo()
    expect(await audit(dir)).toMatchObject([
      { login: username, credentialId: 'command line', kind: 'user', door: 'local', clientIp: '' },
      root
        ? { login: `${username} (sudo by ana)`, credentialId: 'command line' }
        : { login: username, credentialId: 'command line' },
    ])
  })

  it('believes what SUDO_USER says of root alone, and only where it is a name', () => {
    const { username } = userInfo()
    const effective = vi.spyOn(process, 'geteuid' as never) as MockInstance<() => number>
    effective.mockReturnValue(1000)
    expect(systemUser({ SUDO_USER: 'ana' })).toBe(username)
    expect(systemUser({ SUDO_USER: username })).toBe(username)
    effective.mockReturnValue(0)
    expect(systemUser({ SUDO_USER: 'ana' })).toBe(`${username} (sudo by ana)`)
    for (const SUDO_USER of ['', 'ana\n', '\u001b[31mana', 'a'.repeat(129)]) {
      expect(systemUser({ SUDO_USER })).toBe(username)
    }
    effective.mockRestore()
  })

  it('stands in the way of nobody who has no ledger yet, or a broken one', async () => {
    const dir = dataDir()
    writeFileSync(join(dir, 'postern.hujson'), CONFIG, { mode: 0o600 })
    process.env.POSTERN_PASSWORD = 'correct horse battery'
    expect(await user(dir, 'add', 'bob')).toMatchObject({ code: 0, out: 'user bob added\n' })
    writeFileSync(join(dir, 'postern.db'), 'not a database')
    const { code, err } = await user(dir, 'add', 'eve')
    expect([code, err]).toEqual([0, expect.stringContaining('this is not in the audit: ')])
    expect(readFileSync(join(dir, 'postern.hujson'), 'utf8')).toContain('"eve"')
  })
})
