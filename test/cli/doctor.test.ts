import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { freePort } from '../support/parts/port.ts'
import { type PosternProcess, postern, startPostern } from '../support/postern.ts'

const hash = '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'
const admin = { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] }
const base = {
  users: { owner: { password: hash } },
  grants: [{ src: ['owner'], app: admin }],
}

interface Report {
  readonly ok: boolean
  readonly findings: readonly { readonly id: string; readonly severity: string }[]
}
const complaintsIn = (out: string): string[] =>
  (JSON.parse(out) as Report).findings
    .filter(({ severity }) => severity !== 'ok')
    .map(({ id }) => id)

let upstream: FakeUpstream
let home: string
beforeAll(async () => {
  upstream = await startUpstream({ models: ['tiny'] })
  home = await mkdtemp(join(tmpdir(), 'postern-doctor-'))
})
afterAll(async () => {
  await upstream.stop()
  await rm(home, { recursive: true, force: true })
})

/** `postern doctor` where no gateway runs. */
const alone = async (config: object | string, ...args: string[]) => {
  const file = join(home, 'postern.hujson')
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config))
  await chmod(file, 0o600)
  return postern(['doctor', '--config', file, '--data', join(home, 'data'), ...args], { cwd: home })
}

describe('postern doctor beside a running gateway', () => {
  let gateway: PosternProcess
  beforeAll(async () => {
    const providers = {
      local: { baseurl: upstream.url, models: ['tiny'], apikey: 'sk-secret-key' },
    }
    gateway = await startPostern({ config: { ...base, providers } })
    await chmod(gateway.configFile, 0o600)
  })
  afterAll(() => gateway.stop())

  it('finds nothing, says so in a line, and exits 0', async () => {
    const { code, stdout } = await gateway.run('doctor')
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+ checks fine\n$/),
    })
    const all = await gateway.run('doctor', '--all')
    expect(all.stdout).toMatch(/^GATEWAY\n {2}ok +local +answers at 127\.0\.0\.1:\d+$/m)
  })
})

describe('postern doctor alone', () => {
  it('says that nothing runs, and looks at the rest; makes nothing', async () => {
    const listeners = [{ name: 'local', bind: `127.0.0.1:${await freePort()}` }]
    const providers = { local: { baseurl: upstream.url, models: ['tiny'] } }
    const { code, stdout } = await alone({ ...base, listeners, providers }, '--json')
    expect(complaintsIn(stdout)).toEqual(['gateway.stopped'])
    expect(code).toBe(0)
    await expect(rm(join(home, 'data'), { recursive: true })).rejects.toThrow('ENOENT')
  })

  it('exits 1 on an error, with cause and remedy, without secrets', async () => {
    const providers = {
      gone: { baseurl: `http://nobody.invalid:${await freePort()}`, apikey: 'sk-secret-key' },
    }
    const { code, stdout, stderr } = await alone({ ...base, providers })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^ {2}error +gone +the name nobody\.invalid leads to no address$/m)
    expect(stdout).toContain('→ Check "baseurl" for a typo')
    expect(stdout + stderr).not.toContain('sk-secret')
  })

  it('says what it waits for, once that takes its time', async () => {
    const slow = await startUpstream(() => true)
    const providers = { slow: { baseurl: slow.url } }
    const { stderr, stdout } = await alone({ ...base, providers }, '--json')
    await slow.stop()
    expect(stderr).toContain('still looking at: models\n')
    expect(complaintsIn(stdout)).toContain('models.silent')
  })

  it('tells what is wrong with a configuration that cannot be used', async () => {
    const { code, stdout } = await alone('{ "mode": "sideways" }', '--json')
    expect(code).toBe(1)
    expect(complaintsIn(stdout)).toEqual(expect.arrayContaining(['configuration.error']))
    expect(complaintsIn(stdout)).toContain('configuration.unusable')
  })
})
