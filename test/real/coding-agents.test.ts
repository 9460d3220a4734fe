import { mkdtemp, rm } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codingAgents } from '../support/parts/coding-agents.ts'
import { describeWith } from '../support/parts/need.ts'
import { partsFolder, pathOf } from '../support/parts/part.ts'
import { run } from '../support/parts/run.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'

const command = join(import.meta.dirname, '../../src/cli/bin/postern')

/** As one writes them in a script. */
const asked = {
  claude: ['-p', 'Say hello'],
  codex: ['exec', '--skip-git-repo-check', 'Say hello'],
  gemini: ['--skip-trust', '-p', 'Say hello'],
} as const

describeWith([codingAgents], 'coding agents that `postern run` starts', () => {
  let postern: PosternProcess
  let home: string

  beforeAll(async () => {
    // Gemini CLI reads no settings from a folder that lies in one where everybody may write, such as /tmp.
    home = await mkdtemp(join(partsFolder(), 'home-'))
    // No model server: the built-in demo model speaks each of their dialects.
    const entry = { role: 'user', models: 'postern/**' }
    postern = await startPostern({
      config: {
        users: { owner: { password: hashSync('owner-password', 4) } },
        grants: [{ src: ['owner'], app: { 'tailscale.com/cap/aperture': [entry] } }],
      },
    })
  })
  afterAll(async () => {
    await postern?.stop()
    await rm(home, { recursive: true, force: true })
  })

  const start = (agent: keyof typeof asked, more: readonly string[] = []) => {
    const where = ['--config', postern.configFile, '--data', postern.dataDir]
    // Its own home, so that nothing of whoever runs the tests is read or written; and this very runtime for all of them.
    const path = [pathOf(codingAgents), dirname(process.execPath), process.env.PATH].join(delimiter)
    return run(
      command,
      ['run', ...where, '--model', 'postern/demo', agent, ...asked[agent], ...more],
      {
        cwd: home,
        env: { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), PATH: path, NO_COLOR: '1' },
        within: 120_000,
      },
    )
  }
  test('codex that tries a WebSocket first falls back to HTTP', async () => {
    const flag = 'model_providers.postern.supports_websockets=true'
    const { stdout, stderr, code } = await start('codex', ['-c', flag])
    expect(stderr).toMatch(/websocket/i)
    expect([code, stdout]).toEqual([0, expect.stringContaining('demo model')])
  })

  const rows = async () => JSON.parse((await postern.run('usage', '--rows', '--json')).stdout)

  test.each([
    ['claude', 'messages'],
    ['codex', 'responses'],
    ['gemini', 'streamGenerateContent'],
  ] as const)('%s gets its answer, and its request is on the ledger', async (agent, route) => {
    const { stdout, stderr, code } = await start(agent)
    expect([code, stdout, stderr]).toEqual([
      0,
      expect.stringContaining('demo model'),
      expect.anything(),
    ])
    expect(await rows()).toContainEqual(
      expect.objectContaining({ login: 'owner', route: expect.stringContaining(route) }),
    )
  })
})
