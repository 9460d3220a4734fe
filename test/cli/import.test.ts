import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importAperture } from '../../src/cli/import/aperture.ts'
import { postern } from '../support/postern.ts'

const user = '{ "role": "user" }'
const source = `// our gateway
{
  "providers": { "gpu": { "baseurl": "http://100.101.102.103:8000", "models": ["a/b"] } },
  "quotas": { "team": { "capacity": "$5.00" } },
  "grants": [
    // everybody
    { "src": ["*"], "dst": ["tag:aperture"], "app": { "tailscale.com/cap/aperture": [${user}, { "models": "gpu/**" }, { "connectors": ["x"] }] } },
    { "src": ["me@example.com"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }] } },
  ],
  "temp_grants": [{ "src": ["tag:ci"], "app": { "tailscale.com/cap/aperture": [${user}] } }],
  "connectors": { "servers": {} },
}
`

describe('a configuration of Aperture', () => {
  const result = importAperture(source, { mode: 'serve', path: '/nowhere/postern.hujson' })

  it('becomes one that loads, with its comments', () => {
    expect(result.problems).toEqual([])
    expect(result.text).toContain('// our gateway')
    expect(result.text).toContain('// everybody')
    expect(result.text).toContain('"mode": "serve"')
    expect(result.text).toContain('"front": "tailscale"')
  })

  it('has what is deprecated where it belongs', () => {
    expect(result.text).not.toContain('temp_grants')
    expect(result.text).not.toContain('"dst"')
    expect(result.renamed).toEqual([
      { from: 'temp_grants[0]', to: 'grants[2]' },
      { from: 'grants[0].dst', to: 'left out: it belongs to the tailnet policy' },
    ])
  })

  it('is told what was understood, and what has no effect', () => {
    expect(result.understood).toContainEqual({ section: 'providers', detail: 'gpu' })
    expect(result.understood.map(({ section }) => section)).not.toContain('connectors')
    expect(result.withoutEffect).toContain('connectors')
    expect(result.withoutEffect).toContain(
      'grants[0].app["tailscale.com/cap/aperture"][2].connectors',
    )
  })

  it('keeps a mistake that it had, and names it', () => {
    const wrong = source.replace('"baseurl"', '"basurl"')
    const { problems } = importAperture(wrong, { mode: 'serve', path: '/nowhere/x' })
    expect(problems.map(({ message }) => message)).toContain('unknown config key "basurl"')
  })
})

describe('postern import aperture', () => {
  let folder = ''
  const at = (name: string) => join(folder, name)
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-import-'))
    await writeFile(at('aperture.hujson'), source)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('writes a file for its owner alone, that loads, and replaces none', async () => {
    const args = ['import', 'aperture', at('aperture.hujson'), '--out', at('postern.hujson')]
    const first = await postern(args)
    expect(first).toMatchObject({ code: 0 })
    expect(first.stdout).toMatch(/^temp_grants\[0\] +renamed +grants\[2\]$/m)
    expect((await stat(at('postern.hujson'))).mode & 0o777).toBe(0o600)
    const checked = await postern(['check', '--config', at('postern.hujson'), '--allow-warnings'])
    expect(checked).toMatchObject({ code: 0 })
    const second = await postern(args)
    expect(second.code).toBe(1)
    expect(second.stderr).toContain('is there already')
  })

  it('reads standard input, writes nothing when told so, and prints JSON', async () => {
    const out = at('none.hujson')
    const args = ['import', 'aperture', '-', '--out', out, '--dry-run', '--json']
    const { stdout, code } = await postern(args, { input: source })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ written: null, problems: [] })
    await expect(readFile(out)).rejects.toThrow('ENOENT')
  })

  it('fails, and writes nothing, when the file cannot be used', async () => {
    const input = source.replace('"baseurl"', '"basurl"')
    const { code, stdout } = await postern(['import', 'aperture', '-', '--out', at('x')], { input })
    expect(code).toBe(1)
    expect(stdout).toContain('unknown config key "basurl"')
    await expect(readFile(at('x'))).rejects.toThrow('ENOENT')
  })
})
