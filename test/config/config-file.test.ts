import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, watchConfig, writeConfig } from '../../src/adapter/node/config-file.ts'
import { HASH } from './read.ts'

let folder: string
let path: string
const text = (mark: string) => `{ "users": { "owner": { "password": "${HASH}" } } } // ${mark}\n`

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-config-'))
  path = join(folder, 'postern.hujson')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('loadConfig', () => {
  it('looks up references relative to the file, and in the environment', async () => {
    mkdirSync(join(folder, 'secrets'))
    writeFileSync(join(folder, 'secrets', 'hash'), `${HASH}\n`)
    process.env.POSTERN_TEST_KEY = 'key'
    writeFileSync(
      path,
      `{ "users": { "owner": { "password": "file:secrets/hash" } },
         "providers": { "p": { "baseurl": "http://h", "apikey": "env:POSTERN_TEST_KEY" } } }`,
    )
    const { config, problems } = await loadConfig(path)
    delete process.env.POSTERN_TEST_KEY
    expect(problems).toEqual([])
    expect(config?.users.get('owner')?.password).toBe(HASH)
    expect(config?.providers.get('p')?.apikey).toBe('key')
  })

  it('warns of a file with secrets that others can read, and not of one without', async () => {
    writeFileSync(path, text('a'))
    chmodSync(path, 0o644)
    expect((await loadConfig(path)).problems).toMatchObject([
      { severity: 'warning', path: 'users.owner.password', line: 1, remedy: /chmod 600/ },
    ])
    chmodSync(path, 0o640)
    expect((await loadConfig(path)).problems).toEqual([])
    process.env.POSTERN_TEST_HASH = HASH
    writeFileSync(path, '{ "users": { "owner": { "password": "env:POSTERN_TEST_HASH" } } }')
    chmodSync(path, 0o644)
    expect((await loadConfig(path)).problems).toEqual([])
    delete process.env.POSTERN_TEST_HASH
  })

  it.each([
    ['a missing file', () => {}, 'there is no such file'],
    ['a folder', () => mkdirSync(path), 'the file cannot be read (EISDIR)'],
    ['10 MB', () => writeFileSync(path, Buffer.alloc(10_000_000, 32)), /larger than 1024 KiB/],
    ['Latin-1', () => writeFileSync(path, Buffer.from('{ "a": "\xe9" }', 'latin1')), /not UTF-8/],
  ])('makes a problem of %s', async (_, prepare, message) => {
    prepare()
    const { config, problems } = await loadConfig(path)
    expect(config).toBeUndefined()
    expect(problems).toMatchObject([{ severity: 'error', file: path, message }])
  })
})

describe('watchConfig', () => {
  let calls: number
  let close: () => void
  let changed: () => void
  const start = (since?: string) => {
    calls = 0
    const watcher = watchConfig(
      path,
      () => {
        calls++
        changed()
      },
      since === undefined ? {} : { since },
    )
    close = () => watcher.close()
  }
  /** Resolves when the next change is reported; fails when that takes more than a second. */
  const nextChange = () =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no change within 1 s')), 1000)
      changed = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  /** Long enough for the watcher to have looked twice: the only way to see that nothing comes. */
  const quiet = () => sleep(450)

  beforeEach(async () => {
    changed = () => {}
    writeFileSync(path, text('first'))
    start()
    await sleep(150)
  })
  afterEach(() => close())

  it.each([
    ['an in-place write', () => writeFileSync(path, text('in place'))],
    [
      'a rename over it',
      () => {
        writeFileSync(`${path}.new`, text('renamed'))
        renameSync(`${path}.new`, path)
      },
    ],
    ['writeConfig', () => writeConfig(path, text('written'))],
    ['deletion', () => rmSync(path)],
    [
      'a write that keeps size and time',
      () => {
        const { atime, mtime } = statSync(path)
        writeFileSync(path, text('fir5t'))
        utimesSync(path, atime, mtime)
      },
    ],
  ])('reports %s once, within a second', async (_, change) => {
    const reported = nextChange()
    await change()
    await reported
    await quiet()
    expect(calls).toBe(1)
  })

  it('reports a switched symlink', async () => {
    close()
    rmSync(path)
    writeFileSync(join(folder, 'a'), text('a'))
    writeFileSync(join(folder, 'b'), text('b'))
    symlinkSync('a', path)
    start()
    await sleep(150)
    const reported = nextChange()
    symlinkSync('b', join(folder, 'link'))
    renameSync(join(folder, 'link'), path)
    await reported
    expect(calls).toBe(1)
  })

  it('waits for the end of a write that comes in pieces', async () => {
    const reported = nextChange()
    let content = ''
    for (const piece of ['{ "users": ', '{ "owner": ', `{ "password": "${HASH}" } } }`]) {
      content += piece
      writeFileSync(path, content)
      await sleep(60)
    }
    await reported
    await quiet()
    expect(calls).toBe(1)
  })

  it('keeps quiet about a touch and a changed mode', async () => {
    utimesSync(path, new Date(), new Date())
    chmodSync(path, 0o600)
    await quiet()
    expect(calls).toBe(0)
  })

  it('reports a change that came between loading and watching', async () => {
    close()
    const { version } = await loadConfig(path)
    writeFileSync(path, text('between'))
    const reported = nextChange()
    start(version)
    await reported
    expect(calls).toBe(1)
  })

  it('reports nothing after close', async () => {
    writeFileSync(path, text('late'))
    close()
    await quiet()
    expect(calls).toBe(0)
  })
})

describe('writeConfig', () => {
  it('makes a new file that only its owner can read, and leaves nothing beside it', async () => {
    await writeConfig(path, text('new'))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['postern.hujson'])
  })

  it('keeps the mode, and the symlink', async () => {
    writeFileSync(join(folder, 'real'), text('old'))
    chmodSync(join(folder, 'real'), 0o640)
    symlinkSync('real', path)
    await writeConfig(path, text('new'))
    expect(readlinkSync(path)).toBe('real')
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe(text('new'))
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  it('leaves the old file whole when it cannot write', async () => {
    writeFileSync(path, text('old'))
    mkdirSync(join(folder, 'target'))
    await expect(writeConfig(join(folder, 'nowhere', 'f'), text('new'))).rejects.toThrow('ENOENT')
    await expect(writeConfig(join(folder, 'target'), text('new'))).rejects.toThrow()
    expect(readdirSync(folder).sort()).toEqual(['postern.hujson', 'target'])
  })

  it('keeps the owner', async () => {
    writeFileSync(path, text('old'))
    // Root can give a file away; anybody else can only keep it.
    const owner = process.getuid?.() === 0 ? 12345 : statSync(path).uid
    chownSync(path, owner, statSync(path).gid)
    await writeConfig(path, text('new'))
    expect(statSync(path).uid).toBe(owner)
  })
})
