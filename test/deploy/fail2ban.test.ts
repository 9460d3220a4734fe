import { closeSync, openSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLog } from '../../src/adapter/node/log.ts'
import type { LogFields } from '../../src/platform/platform.ts'
import type { IdentityFailure } from '../../src/platform/records/auth-failure.ts'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { must } from '../support/parts/run.ts'
import { hostileNames } from './hostile-names.ts'
import { fail2ban, journalRemote, journalRemoteLibraries } from './parts.ts'

const shipped = new URL('../../deploy/fail2ban', import.meta.url).pathname
const filter = join(shipped, 'filter.d/postern.conf')

const guesses: readonly IdentityFailure[] = [
  'wrong_password',
  'wrong_code',
  'unknown_user',
  'unknown_key',
]
const noGuesses: readonly IdentityFailure[] = ['missing', 'malformed', 'ambiguous', 'busy']
const others = ['access', 'http.reject', 'auth.ban', 'auth.blocked', 'auth.failed', 'auth_fail']

/** An address of its own for each guess, IPv4 and IPv6 in turn. */
const guesser = (index: number): string =>
  index % 2 === 0 ? `203.0.113.${index}` : `2001:db8:0:${index.toString(16)}::1`

const failure = (ip: string, name: string, reason: IdentityFailure): LogFields => ({
  ip,
  user: name.slice(0, 64).toWellFormed(),
  route: name.slice(0, 128),
  reason,
  rid: '0199f0a0-0000-7000-8000-000000000000',
  omitted: 0,
})

/** The gateway's own log of an attack: one genuine guess with each name, and around it what must not count. */
const attack = async (path: string): Promise<void> => {
  const fd = openSync(path, 'w')
  const { log, flush } = createLog({ level: () => 'debug', secrets: () => [], fd })
  hostileNames.forEach((name, index) => {
    const reason = guesses[index % guesses.length] ?? 'wrong_password'
    log('info', 'auth.fail', failure(guesser(index), name, reason))
    const { ip: _, ...nobody } = failure('', name, reason)
    log('info', 'auth.fail', nobody)
    for (const cause of noGuesses) log('info', 'auth.fail', failure('198.51.100.1', name, cause))
    for (const evt of others) log('warn', evt, failure('198.51.100.2', name, reason))
    log('info', name, failure('198.51.100.3', name, reason))
  })
  flush()
  closeSync(fd)
}

/** Lines that the gateway never writes: another program's in the same file. */
const strangers = (line: string): readonly string[] => [
  `x ${line}`,
  `{"x":1} ${line}`,
  `{"x": ${line}`,
  `GET /${line} HTTP/1.1`,
  `8.8.8.8 - - [21/Nov/2026:10:00:00 +0000] "GET /${line}"`,
  `${line} trailing`,
  `{"msg":${line}}`,
  line.replace('"evt"', '"ip":"8.8.8.8","evt"'),
  line.replace(/"ip":"[^"]*"/, '"ip":"dns.google"'),
  line.replace(/"ip":"[^"]*"/, '"ip":"8.8.8.8 8.8.4.4"'),
]

/** The package as unpacked, which brings modules of its own. */
const tool = (name: 'fail2ban-regex' | 'fail2ban-client', args: readonly string[]) => {
  const folder = pathOf(fail2ban)
  const env = { PYTHONPATH: join(folder, 'usr/lib/python3/dist-packages'), TZ: 'America/New_York' }
  return must('/usr/bin/python3', [join(folder, 'usr/bin', name), ...args], { env })
}

/** What fail2ban would count, in order: time in seconds and address. */
const matches = async (log: string): Promise<readonly string[]> => {
  const { stdout } = await tool('fail2ban-regex', [
    '--usedns=raw',
    '--out',
    '<time> <ip>',
    log,
    filter,
  ])
  return stdout.trim().split('\n').filter(Boolean)
}

const addresses = (found: readonly string[]) => found.map((match) => match.split(' ')[1])

describeWith([fail2ban], 'deploy/fail2ban', () => {
  let folder = ''
  let log = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-fail2ban-'))
    log = join(folder, 'attack.txt')
    await attack(log)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('every guess is found, whatever its name, and nothing else is', async () => {
    expect(hostileNames.length).toBeGreaterThan(50)
    expect(addresses(await matches(log))).toEqual(hostileNames.map((_, index) => guesser(index)))
  })

  test('a guess counts at its own time, whatever the time zone of the machine', async () => {
    const [first = ''] = (await readFile(log, 'utf8')).split('\n')
    const { ts } = JSON.parse(first) as { ts: string }
    const [match = ''] = await matches(log)
    expect(Number(match.split(' ')[0])).toBeCloseTo(Date.parse(ts) / 1000, -1)
  })

  test('lines of other programs are not taken for the gateway’s', async () => {
    const lines = (await readFile(log, 'utf8')).trim().split('\n')
    const genuine = lines.filter((line) => /^\{"ts":"[^"]+","ip":"(?:203|2001)/.test(line))
    expect(genuine).toHaveLength(hostileNames.length)
    const mixed = join(folder, 'mixed.txt')
    await writeFile(mixed, `${genuine.flatMap(strangers).join('\n')}\n`)
    expect(await matches(mixed)).toEqual([])
  })

  test('fail2ban accepts the jail', async () => {
    const config = join(folder, 'config')
    await cp(join(pathOf(fail2ban), 'etc/fail2ban'), config, { recursive: true })
    await rm(join(config, 'jail.d'), { recursive: true })
    await cp(shipped, config, { recursive: true })
    const { stdout } = await tool('fail2ban-client', ['-c', config, '--dp'])
    expect(stdout).toContain("['add', 'postern', 'systemd']")
    expect(stdout).toContain("'addjournalmatch', '_SYSTEMD_UNIT=postern.service'")
    expect(stdout).toContain("['start', 'postern']")
  })

  test('the jail gives up before the gateway’s own ban hides the guesser from it', async () => {
    const jail = await readFile(join(shipped, 'jail.d/postern.conf'), 'utf8')
    expect(Number(jail.match(/^maxretry = (\d+)$/m)?.[1])).toBeLessThanOrEqual(5)
  })
})

/** Entries as `journalctl -o export` writes them. */
const journalEntries = (lines: readonly string[], unit: string): string =>
  lines
    .map((line, index) =>
      [
        `__REALTIME_TIMESTAMP=${1_795_255_200_000_000 + index}`,
        `__MONOTONIC_TIMESTAMP=${index + 1}`,
        '_BOOT_ID=11111111111111111111111111111111',
        '_HOSTNAME=box',
        `_SYSTEMD_UNIT=${unit}`,
        'SYSLOG_IDENTIFIER=node',
        '_PID=812',
        `MESSAGE=${line}`,
        '',
        '',
      ].join('\n'),
    )
    .join('')

const writeJournal = (path: string, input: string) =>
  must(pathOf(journalRemote), ['--output', path, '-'], {
    env: { LD_LIBRARY_PATH: journalRemoteLibraries() },
    input,
  })

describeWith([fail2ban, journalRemote], 'deploy/fail2ban on the journal', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-journal-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('every guess is found, and none that another unit wrote', async () => {
    const log = join(folder, 'attack.txt')
    await attack(log)
    const lines = (await readFile(log, 'utf8')).trim().split('\n')
    const journal = join(folder, 'test.journal')
    const entries = ['postern.service', 'user@1000.service'].map((unit) =>
      journalEntries(lines, unit),
    )
    await writeJournal(journal, entries.join(''))
    const found = await matches(`systemd-journal[journalfiles="${journal}"]`)
    expect(addresses(found)).toEqual(hostileNames.map((_, index) => guesser(index)))
  })
})
