import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDocument } from '../../src/adapter/node/config/document.ts'

let folder = ''
let path = ''
const first = '{ "mode": "local" }\n'
const second = '{ "mode": "local" } // edited\n'

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-document-'))
  path = join(folder, 'postern.hujson')
  await writeFile(path, first, { mode: 0o600 })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the configuration document', () => {
  it('is in force when it was replaced', async () => {
    const inForce: string[] = []
    const reload = async () => void inForce.push(await readFile(path, 'utf8'))
    const document = createDocument({ path, reload })
    const { text, version } = await document.read()
    expect(text).toBe(first)
    expect(await document.replace(second, version)).toBe('replaced')
    expect(inForce).toEqual([second])
    expect((await document.read()).version).not.toBe(version)
  })

  it('is not replaced by who read an older one, however close they are', async () => {
    const document = createDocument({ path, reload: async () => {} })
    const { version } = await document.read()
    const outcomes = await Promise.all([
      document.replace(second, version),
      document.replace('{}', version),
    ])
    expect(outcomes).toEqual(['replaced', 'changed meanwhile'])
    expect(await readFile(path, 'utf8')).toBe(second)
  })

  it('is as before when what was put there is refused', async () => {
    const document = createDocument({ path, reload: () => Promise.reject(new Error('in use')) })
    const { version } = await document.read()
    await expect(document.replace(second, version)).rejects.toThrow('in use')
    expect(await readFile(path, 'utf8')).toBe(first)
    await expect(document.replace(second, version)).rejects.toThrow('in use')
  })

  it('is judged with the references that the file itself would have', async () => {
    await writeFile(join(folder, 'key'), 'sk-1\n')
    const document = createDocument({ path, reload: async () => {} })
    const provider = { baseurl: 'http://h', apikey: 'file:key' }
    const { config } = document.parse(JSON.stringify({ providers: { p: provider } }))
    expect(config?.providers.get('p')?.apikey).toBe('sk-1')
  })
})
