import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { canCommand } from '../../src/cli/can/can.ts'
import { HASH } from '../config/read.ts'
import { runCommand } from './run.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-can-'))
afterAll(() => rmSync(folder, { recursive: true }))

const CONFIG = `{
  "mode": "both", "front": "tailscale",
  "providers": {
    "gpu": { "baseurl": "http://127.0.0.1:9", "models": ["qwen3-8b", "Qwen/Qwen3.6-35B"] },
  },
  "users": {
    "owner": { "password": "${HASH}" },
    "Bob": { "password": "${HASH}", "login": "bob@example.com", "groups": ["family"] },
  },
  // One line each.
  "grants": [
    { "src": ["owner"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin", "models": "**" }] } },
    { "src": ["group:family"], "via": ["tailnet"],
      "app": { "tailscale.com/cap/aperture": [{ "role": "user", "models": "gpu/*" }] } },
  ],
  "temp_grants": [
    { "src": ["tag:api,tag:prod"], "app": { "tailscale.com/cap/aperture": [{ "role": "user", "models": "**" }] } },
  ],
}`

const can = (...args: string[]) => {
  const path = join(folder, 'postern.hujson')
  writeFileSync(path, CONFIG, { mode: 0o600 })
  return runCommand(canCommand(), ...args, '--config', path)
}

test('a yes says which grant, where it stands, and why', async () => {
  const { code, out } = await can('owner', 'qwen3-8b')
  expect(code).toBe(0)
  expect(out).toBe(
    [
      'yes: owner may use qwen3-8b (any door)',
      '',
      'MAY USE       GRANT      LINE  SOURCE  PATTERN',
      'gpu/qwen3-8b  grants[0]    12  owner   **',
      'role admin    grants[0]    12  owner',
      '',
    ].join('\n'),
  )
})

test('a no says why not, in lines of 80 columns', async () => {
  const { code, out } = await can('Bob', 'Qwen/Qwen3.6-35B', '--door', 'tailnet')
  expect(code).toBe(1)
  expect(out).toBe(
    [
      'no: Bob may not use Qwen/Qwen3.6-35B (door tailnet)',
      '',
      'GRANT      LINE  WHY NOT',
      '                 no grant that names them covers this model',
      'grants[1]    13  the pattern "gpu/*" stops at the slash in',
      '                 "Qwen/Qwen3.6-35B": write "gpu/**"',
      '',
      'Grants of the tailnet’s own policy are not seen from here.',
      '',
    ].join('\n'),
  )
  expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
})

test('doors that differ are told apart, and one that is open is enough', async () => {
  const { code, out } = await can('bob@example.com', 'qwen3-8b')
  expect(code).toBe(0)
  expect(out).toContain('yes: bob@example.com may use qwen3-8b (door tailnet)')
  expect(out).toContain('no: bob@example.com may not use qwen3-8b (doors public, local)')
  expect(out).toContain('grants[1]    13  it names them by the tailnet door only')
  expect((await can('bob@example.com', 'qwen3-8b', '--door', 'public')).code).toBe(1)
})

test.each([
  ['tag:prod,tag:api', 0, 'temp_grants[0]    17  tag:api,tag:prod'],
  ['tag:prod', 1, 'means nodes with exactly these tags'],
  ['group:family', 0, 'group:family'],
  ['group:famili', 1, 'no grant names them'],
  ['(loopback)', 1, '(door local)'],
  ['(owner)', 1, '(door tailnet)'],
  ['BOB@example.com', 0, 'grants[1]'],
])('%s may be asked about', async (who, expected, text) => {
  const { code, out } = await can(who, 'qwen3-8b')
  expect(out).toContain(text)
  expect(code).toBe(expected)
})

test('the same as JSON, for programs', async () => {
  const { code, out } = await can('bbo@example.com', 'qwen3-8b', '--door', 'tailnet', '--json')
  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({
    who: 'bbo@example.com',
    model: 'qwen3-8b',
    allowed: false,
    doors: [
      {
        door: 'tailnet',
        allowed: false,
        routes: [],
        reasons: [{ code: 'not_named' }, { code: 'login_differs', grant: 1 }],
      },
    ],
  })
})

test('nothing that was typed can steer the terminal', async () => {
  const { out } = await can('a\u001b[31m', 'm\u202e')
  expect(out.replaceAll(/\u001b\[\d+m(?=no|:)/g, '')).not.toMatch(/[\u001b\u202e]/)
})
