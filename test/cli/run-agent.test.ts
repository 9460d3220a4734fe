import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { postern as command, type PosternProcess, startPostern } from '../support/postern.ts'

const agent = `#!/bin/sh
echo "base=$ANTHROPIC_BASE_URL own=\${ANTHROPIC_API_KEY-none} model=$ANTHROPIC_MODEL args=$*"
echo "key=$ANTHROPIC_AUTH_TOKEN"
exit 7
`

let home: string
let upstream: FakeUpstream
let postern: PosternProcess
const before = { ...process.env }

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-run-'))
  await mkdir(join(home, 'bin'))
  await writeFile(join(home, 'bin', 'claude'), agent)
  await chmod(join(home, 'bin', 'claude'), 0o755)
  process.env.PATH = `${join(home, 'bin')}${delimiter}${process.env.PATH}`
  process.env.ANTHROPIC_API_KEY = 'sk-ant-of-the-person'
  upstream = await startUpstream({ models: ['tiny'] })
  const role = (src: string[]) => ({
    src,
    app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
  })
  postern = await startPostern({
    config: {
      users: { owner: { password: hashSync('owner-password', 4) } },
      providers: { local: { baseurl: upstream.url, models: ['tiny'] } },
      grants: [role(['owner'])],
    },
  })
})
afterAll(async () => {
  process.env = before
  await postern.stop()
  await upstream.stop()
  await rm(home, { recursive: true, force: true })
})

const run = (...args: string[]) =>
  command(['run', '--config', postern.configFile, '--data', postern.dataDir, ...args])

describe('postern run', () => {
  it('starts the agent at the gateway of this machine with a key of its own, and ends as it does', async () => {
    const { stdout, code } = await run('--model', 'local/tiny', 'claude', '--print', 'hi')
    expect(code).toBe(7)
    expect(stdout).toContain(`base=${postern.url} own=none model=local/tiny args=--print hi`)
    const key = String(/key=(\S+)/.exec(stdout)?.[1])
    const models = await fetch(`${postern.url}/v1/models`, { headers: { 'x-api-key': key } })
    expect(models.status).toBe(200)
    const keys = JSON.parse((await postern.run('key', 'list', '--json')).stdout) as object[]
    expect(keys).toMatchObject([{ login: 'owner', name: 'run claude', state: 'active' }])
  })

  it('takes another gateway and key from the environment, and makes none', async () => {
    process.env.POSTERN_URL = 'https://ai.tail1234.ts.net/v1/'
    process.env.POSTERN_KEY = 'pst_given'
    const given = await run('claude')
    expect(given.stdout).toContain('base=https://ai.tail1234.ts.net own=none')
    expect(given.stdout).toContain('key=pst_given')
    delete process.env.POSTERN_KEY
    // On the tailnet a device is the credential.
    expect((await run('claude')).stdout).toContain('key=-\n')
    delete process.env.POSTERN_URL
  })

  it('shows what it would do, ready for a shell', async () => {
    const shown = await run('--print', '--model', 'tiny', 'codex', 'exec', 'say "hi"')
    expect(shown.stdout).toContain('export POSTERN_KEY=-\n')
    expect(shown.stdout).toContain(
      `codex -c 'model_provider="postern"' -c 'model_providers.postern.name="Postern"' ` +
        `-c 'model_providers.postern.base_url="${postern.url}/v1"'`,
    )
    expect(shown.stdout.trimEnd()).toMatch(/-c 'model="tiny"' exec 'say "hi"'$/)
    const gemini = await run('--print', 'gemini')
    expect(gemini.stdout).toContain(`export GOOGLE_GEMINI_BASE_URL=${postern.url}\n`)
    expect(gemini.stdout).toContain('unset GOOGLE_GENAI_USE_VERTEXAI\n')
  })

  it('says what is missing', async () => {
    const nobody = await run('--login', 'nobody', 'claude')
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('nobody has no role')])
    const absent = await run('codex')
    expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('not installed')])
    expect((await run('emacs')).code).toBe(2)
    const nowhere = await command(['run', '--config', join(home, 'none.hujson'), 'claude'])
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('--url')])
  })
})
