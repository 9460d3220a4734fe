import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkCommand } from '../../src/cli/check.ts'
import { HASH } from '../config/read.ts'
import { runCommand } from './run.ts'

let folder: string
const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-check-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('postern check', () => {
  it('is content with a good file', async () => {
    const path = file('good', `{ "users": { "owner": { "password": "${HASH}" } } }`)
    expect(await runCommand(checkCommand(), '--config', path)).toMatchObject({
      code: 0,
      out: `${path}: no problems\n`,
    })
  })

  it('prints file:line:column, key path and remedy for each problem, and exits 1', async () => {
    const path = file('bad', '{\n  "mod": 1,\n  "limits": { "idle": "1" }\n}')
    const { code, out } = await runCommand(checkCommand(), '--config', path)
    expect(code).toBe(1)
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/bad:1:1: warning: users: no users are defined/),
      `${path}:2:3: error: mod: unknown config key "mod". Did you mean "mode"?`,
      expect.stringMatching(
        /bad:3:23: error: limits\.idle: "1" is not a duration\. Write a number/,
      ),
      `${path}: 2 errors, 1 warning`,
      '',
    ])
  })

  it('exits 1 on warnings alone, unless they are allowed', async () => {
    const path = file('warned', '{}')
    expect((await runCommand(checkCommand(), '--config', path)).code).toBe(1)
    expect((await runCommand(checkCommand(), '--config', path, '--allow-warnings')).code).toBe(0)
  })

  it('exits 1 on errors even when warnings are allowed', async () => {
    const path = file('wrong', '{ "mod": 1 }')
    expect((await runCommand(checkCommand(), '--config', path, '--allow-warnings')).code).toBe(1)
  })

  it('prints the problems as JSON', async () => {
    const path = file('json', '{}')
    const { out } = await runCommand(checkCommand(), '--config', path, '--json')
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      problems: [{ severity: 'warning', file: path, line: 1, column: 1, path: 'users' }],
    })
  })

  it('says so when there is no file', async () => {
    const { code, out } = await runCommand(checkCommand(), '--config', join(folder, 'none'))
    expect(code).toBe(1)
    expect(out).toContain('there is no such file')
  })
})
