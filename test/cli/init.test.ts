import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcryptjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseText } from '../../src/adapter/node/config/config-file.ts'
import { initCommand } from '../../src/cli/init/init.ts'
import type { Surroundings } from '../../src/cli/init/surroundings.ts'
import { runCommand } from './run.ts'

const NOTHING: Surroundings = { servers: [], webui: undefined, caddy: false, tailscaled: false }
const SOMETHING: Surroundings = {
  servers: [{ name: 'Ollama', baseurl: 'http://127.0.0.1:11434', models: ['a', 'b'] }],
  webui: 'http://127.0.0.1:3000',
  caddy: true,
  tailscaled: true,
}

let folder: string
let path: string
const init = (found: Surroundings, ...args: string[]) =>
  runCommand(
    initCommand(() => Promise.resolve(found)),
    '--config',
    path,
    '--data',
    folder,
    ...args,
  )

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-init-'))
  path = join(folder, 'postern.hujson')
  delete process.env.POSTERN_PASSWORD
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('postern init --yes', () => {
  it('writes a file without problems that only its owner can read, and shows the password once', async () => {
    const { code, out } = await init(NOTHING, '--yes')
    expect(code).toBe(0)
    expect(out).toContain('no model server: the built-in demo model stands in')
    const { config, problems } = parseText(path, readFileSync(path, 'utf8'))
    expect(problems).toEqual([])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const password = /^password: (\S+) /m.exec(out)?.[1] ?? ''
    const hash = config?.users.get('owner')?.password ?? ''
    expect(await bcrypt.compare(password, hash)).toBe(true)
  })

  it('tells what it found, and takes Open WebUI in', async () => {
    const { out } = await init(SOMETHING, '--yes')
    expect(out).toContain('Ollama at http://127.0.0.1:11434 (2 models)\n')
    expect(out).toContain('Open WebUI at http://127.0.0.1:3000\nCaddy\ntailscaled\n')
    const text = readFileSync(path, 'utf8')
    expect(text).toContain('Ollama answered on http://127.0.0.1:11434')
    expect(parseText(path, text).config).toMatchObject({
      front: 'none',
      webui: { url: 'http://127.0.0.1:3000' },
    })
  })

  it('never replaces a file', async () => {
    writeFileSync(path, '{}')
    expect((await init(NOTHING, '--yes')).failure).toMatch(/exists already; nothing was changed/)
    expect(readFileSync(path, 'utf8')).toBe('{}')
  })
})

describe('postern init', () => {
  it('does not guess when there is nobody to ask', async () => {
    expect((await init(NOTHING)).failure).toMatch(/no terminal to ask on; use --yes/)
  })
})
