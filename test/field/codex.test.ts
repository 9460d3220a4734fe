import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { inflate } from '../../src/adapter/node/http/inflate.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { callingModels, text } from '../support/field/calling-models.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { codingAgents } from '../support/parts/coding-agents.ts'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { run } from '../support/parts/run.ts'

const key = 'alice:alice-password'
const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A sign-in to ChatGPT, as Codex keeps it; what it sends as the access token is what the gateway knows. */
const signedIn = () => {
  const account = { chatgpt_plan_type: 'pro', chatgpt_account_id: 'account' }
  const claims = {
    email: 'alice@example.com',
    exp: Math.floor(Date.now() / 1000) + 86_400,
    'https://api.openai.com/auth': account,
  }
  const id_token = [encoded({ alg: 'none' }), encoded(claims), 'signature'].join('.')
  return {
    auth_mode: 'chatgpt',
    OPENAI_API_KEY: null,
    tokens: { id_token, access_token: key, refresh_token: 'none', account_id: 'account' },
    last_refresh: new Date().toISOString(),
  }
}

describeWith([codingAgents], 'Codex with the address of the gateway as `openai_base_url`', () => {
  let upstream: FakeUpstream
  let gateway: TestGateway
  let home: string
  const codings: string[] = []

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'postern-codex-'))
    await mkdir(join(home, '.codex'))
    // Its own tools act on this machine, so none is called.
    upstream = await startUpstream((exchange) =>
      callingModels({ ...exchange, json: { ...exchange.json, tools: [] } }),
    )
    gateway = await startTestGateway(
      {
        providers: {
          openai: {
            baseurl: upstream.url,
            models: ['gpt-5'],
            compatibility: { openai_responses: true },
          },
        },
        grants: [
          {
            src: ['alice@example.com'],
            app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
          },
        ],
      },
      {
        platform: {
          inflate: {
            ...inflate,
            open: (coding, chunks) => {
              codings.push(coding)
              return inflate.open(coding, chunks)
            },
          },
        },
      },
    )
  })
  beforeEach(() => {
    codings.length = 0
  })
  afterAll(async () => {
    await gateway?.stop()
    await upstream?.stop()
    await rm(home, { recursive: true, force: true })
  })

  const say = (env: NodeJS.ProcessEnv) => {
    const path = [pathOf(codingAgents), dirname(process.execPath), process.env.PATH]
    const settings = [`openai_base_url="${gateway.url}/v1"`, `chatgpt_base_url="${gateway.url}"`]
    const args = settings.flatMap((setting) => ['-c', setting])
    return run('codex', ['exec', '--skip-git-repo-check', ...args, '-m', 'gpt-5', 'Say hello'], {
      cwd: home,
      env: { HOME: home, CODEX_HOME: join(home, '.codex'), PATH: path.join(delimiter), ...env },
      within: 100_000,
    })
  }
  const statuses = (method: string) =>
    gateway.log
      .filter((line) => line.evt === 'access' && line.method === method)
      .filter(({ route }) => route === '/v1/responses')
      .map(({ status }) => status)

  test('answers over HTTP when its WebSocket is refused, and by the key that it was given', async () => {
    const { stdout } = await say({ CODEX_API_KEY: key })
    expect(stdout).toContain(text)
    expect(statuses('GET')).toContain(426)
    expect(statuses('POST')).toContain(200)
  })

  test('answers when it is signed in to ChatGPT, and then sends its requests as zstd', async () => {
    await writeFile(join(home, '.codex', 'auth.json'), JSON.stringify(signedIn()))
    const { stdout } = await say({})
    expect(stdout).toContain(text)
    expect(codings).toContain('zstd')
  })
})
