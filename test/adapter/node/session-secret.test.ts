import { chmod, mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSessionSecret } from '../../../src/adapter/node/secrets/session-secret.ts'

let dataDir: string
let file: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'postern-secret-'))
  file = join(dataDir, 'session.key')
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

describe('the secret of browser sessions', () => {
  it('is made at the first start, for the owner of the process alone', async () => {
    const secret = await readSessionSecret(dataDir)
    expect(secret.byteLength).toBe(32)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file)).toEqual(Buffer.from(secret))
  })

  it('is the same after a restart, and another one elsewhere', async () => {
    const first = await readSessionSecret(dataDir)
    expect(await readSessionSecret(dataDir)).toEqual(first)
    await rm(file)
    expect(await readSessionSecret(dataDir)).not.toEqual(first)
  })

  it.each([0o640, 0o604, 0o660])('is refused when others may read it: %o', async (mode) => {
    await readSessionSecret(dataDir)
    await chmod(file, mode)
    await expect(readSessionSecret(dataDir)).rejects.toThrow(`chmod 600 ${file}`)
  })

  it('is refused when it is too short, and not made anew', async () => {
    await readSessionSecret(dataDir)
    await truncate(file, 31)
    await expect(readSessionSecret(dataDir)).rejects.toThrow('less than 32 bytes')
    expect((await stat(file)).size).toBe(31)
  })
})
