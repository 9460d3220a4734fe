import { EventEmitter, once } from 'node:events'
import {
  appendFileSync,
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
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, watchConfig, writeConfig } from '../../src/adapter/node/config/config-file.ts'
import { HASH } from './read.ts'

let folder: string
let path: string
const text = (mark: string) => `{ "users": { "owner": { "password": "${HASH}" } } } // ${mark}\n`

const sparse = (file: string, size: number): void => {
  writeFileSync(file, '')
  truncateSync(file, size)
}

/** A folder of its own for every test of the suite. */
const inFolder = () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-config-'))
    path = join(folder, 'postern.hujson')
  })
  afterEach(() => rmSync(folder, { recursive: true }))
}

describe('loadConfig', () => {
  inFolder()

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
    ['3 GiB', () => sparse(path, 3 * 2 ** 30), /larger than 1024 KiB/],
    ['Latin-1', () => writeFileSync(path, Buffer.from('{ "a": "\xe9" }', 'latin1')), /not UTF-8/],
  ])('makes a problem of %s', async (_, prepare, message) => {
    prepare()
    const { config, problems } = await loadConfig(path)
    expect(config).toBeUndefined()
    expect(problems).toMatchObject([{ severity: 'error', file: path, message }])
  })
})

describe.concurrent('watchConfig', () => {
  const cleanups: (() => void)[] = []
  afterAll(() => {
    for (const clean of cleanups) clean()
  })

  /** A file of its own, loaded and watched; `changes` yields at each report. */
  const watching = async (
    prepare = (file: string) => writeFileSync(file, text('first')),
    meanwhile = (_file: string) => {},
  ) => {
    const home = mkdtempSync(join(tmpdir(), 'postern-watch-'))
    const file = join(home, 'postern.hujson')
    prepare(file)
    const { version } = await loadConfig(file)
    meanwhile(file)
    const reports = new EventEmitter()
    let count = 0
    const watcher = watchConfig(file, () => reports.emit('change', ++count), { since: version })
    cleanups.push(() => {
      watcher.close()
      rmSync(home, { recursive: true })
    })
    return {
      file,
      home,
      close: () => watcher.close(),
      change: () => once(reports, 'change', { signal: AbortSignal.timeout(5000) }),
      /** Reports so far, after time enough for another: the only way to see that nothing comes. */
      countLater: async () => {
        await sleep(600)
        return count
      },
    }
  }

  it.each([
    ['an in-place write', (file: string) => writeFileSync(file, text('in place'))],
    [
      'a rename over it',
      (file: string) => {
        writeFileSync(`${file}.new`, text('renamed'))
        renameSync(`${file}.new`, file)
      },
    ],
    ['writeConfig', (file: string) => writeConfig(file, text('written'))],
    ['deletion', (file: string) => rmSync(file)],
    [
      'a write that keeps size and time',
      (file: string) => {
        const { atime, mtime } = statSync(file)
        writeFileSync(file, text('fir5t'))
        utimesSync(file, atime, mtime)
      },
    ],
  ])('reports %s, once', async (_, edit) => {
    const { file, change, countLater } = await watching()
    const reported = change()
    await edit(file)
    await reported
    expect(await countLater()).toBe(1)
  })

  it('reports a switched symlink', async () => {
    const { file, home, change } = await watching((link) => {
      writeFileSync(`${link}.a`, text('a'))
      writeFileSync(`${link}.b`, text('b'))
      symlinkSync(`${link}.a`, link)
    })
    const reported = change()
    symlinkSync(`${file}.b`, join(home, 'link'))
    renameSync(join(home, 'link'), file)
    await reported
  })

  it('reports the end of a write that comes in pieces', async () => {
    const { file, change } = await watching()
    writeFileSync(file, '{ "users": ')
    await sleep(50)
    const reported = change()
    appendFileSync(file, `{ "owner": { "password": "${HASH}" } } }`)
    await reported
    expect((await loadConfig(file)).config).toBeDefined()
  })

  it('reports a change that came between loading and watching', async () => {
    const { change } = await watching(undefined, (file) => writeFileSync(file, text('between')))
    await change()
  })

  it('keeps quiet about a touch and a changed mode', async () => {
    const { file, countLater } = await watching()
    utimesSync(file, new Date(), new Date())
    chmodSync(file, 0o600)
    expect(await countLater()).toBe(0)
  })

  it('reports nothing after close', async () => {
    const { file, close, countLater } = await watching()
    writeFileSync(file, text('late'))
    close()
    expect(await countLater()).toBe(0)
  })
})

describe('writeConfig', () => {
  inFolder()

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
