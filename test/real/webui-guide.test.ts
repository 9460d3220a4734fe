import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { describeWith } from '../support/parts/need.ts'
import { openWebui, startOpenWebui } from '../support/parts/open-webui.ts'
import { freePort } from '../support/parts/port.ts'
import { run } from '../support/parts/run.ts'
import type { Server } from '../support/parts/server.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'

const passwords = { alice: 'correct-horse-battery-staple', openwebui: 'only-open-webui-knows-this' }
const secret = 'only-open-webui-and-postern-know-this'
const account = { name: 'Ada', email: 'ada@example.com', password: 'correct horse battery 9!' }

const guide = await readFile(new URL('../../docs/webui.md', import.meta.url), 'utf8')
const blocks = guide.split(/^```/m).filter((block) => block.startsWith('sh\n'))

/** The settings of the guide's block that begins with this one, `NAME=value` a line. */
const settingsFrom = (first: string): Record<string, string> => {
  const block = blocks.find((text) => text.startsWith(`sh\n${first}=`)) ?? ''
  const lines = block
    .split('\n')
    .slice(1)
    .filter((line) => /^[A-Z_]+=/.test(line))
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1).replace(/ +# .*$/, '')]
    }),
  )
}

const ends: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})
const started = async <T extends { stop(): Promise<void> }>(server: Promise<T>): Promise<T> => {
  const running = await server
  ends.push(() => running.stop())
  return running
}
const home = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'postern-guide-'))
  ends.push(() => rm(path, { recursive: true, force: true }))
  return path
}

const configFor = async (webui: string, upstream: string, sso: string) => ({
  webui: { url: webui, sso, speaks_for: { login: 'openwebui', secret } },
  providers: { fake: { baseurl: upstream, models: ['fake-model'] } },
  users: {
    alice: { password: await bcrypt.hash(passwords.alice, 4), login: 'alice@example.com' },
    openwebui: { password: await bcrypt.hash(passwords.openwebui, 4) },
  },
  grants: [{ src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] } }],
})

const post = async (url: string, body: object, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

interface Row {
  readonly login: string
  readonly credential_id: string
  readonly route: string
  readonly label: string | null
  readonly user_agent: string
  readonly session_id: string
}
const rowsOf = async (postern: PosternProcess): Promise<Row[]> => {
  const { stdout } = await postern.run('usage', '--rows', '--json')
  return JSON.parse(stdout)
}

describeWith([openWebui], 'Open WebUI as docs/webui.md sets it up', () => {
  let upstream: FakeUpstream
  let postern: PosternProcess
  beforeAll(async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    upstream = await started(startUpstream())
    const webui = await started(
      startOpenWebui({
        dataDir: await home(),
        origins: [url],
        openaiBaseUrl: `${url}/v1`,
        key: `openwebui:${passwords.openwebui}`,
        settings: {
          ...settingsFrom('OPENAI_API_BASE_URLS'),
          OPENAI_API_BASE_URLS: `${url}/v1`,
          OPENAI_API_KEYS: `openwebui:${passwords.openwebui}`,
          ...settingsFrom('ENABLE_FORWARD_USER_INFO_HEADERS'),
          FORWARD_USER_INFO_HEADER_JWT_SECRET: secret,
          WEBUI_AUTH_TRUSTED_EMAIL_HEADER: 'X-Postern-User-Email',
          WEBUI_AUTH_TRUSTED_NAME_HEADER: 'X-Postern-User-Name',
          DEFAULT_USER_ROLE: 'user',
          ENABLE_API_KEYS: 'true',
          ENABLE_TITLE_GENERATION: 'true',
          ENABLE_TAGS_GENERATION: 'true',
          ENABLE_FOLLOW_UP_GENERATION: 'true',
        },
      }),
    )
    const config = await configFor(webui.url, upstream.url, 'trusted-header')
    postern = await started(startPostern({ port, config }))
  }, 240_000)

  /** Runs a line of the guide, with our address and password for its own. */
  const play = async (line: string) => {
    const folder = await home()
    const script = line
      .replaceAll('https://…', postern.url)
      .replaceAll('-u alice ', `-u alice:${passwords.alice} `)
      .replaceAll('alice:her-password', `alice:${passwords.alice}`)
    const { stdout } = await run('bash', ['-c', script.replaceAll('curl ', 'curl -sS ')], {
      cwd: folder,
    })
    return stdout
  }
  const signedIn = async (): Promise<Record<string, string>> => {
    const authorization = `Basic ${btoa(`alice:${passwords.alice}`)}`
    const form = { email: '', password: '' }
    const { body } = await post(`${postern.url}/api/v1/auths/signin`, form, { authorization })
    return { authorization: `Bearer ${body.token}`, 'x-api-key': `alice:${passwords.alice}` }
  }

  const scripts = guide.slice(guide.indexOf('### Scripts'), guide.indexOf('### Sessions'))
  const [signIn = '', withKey = ''] = scripts
    .split(/^```/m)
    .filter((block) => block.startsWith('sh\n'))
    .map((block) => block.slice(3))

  test('lists models to a script that signs in once', async () => {
    expect(signIn.match(/curl/g)).toHaveLength(2)
    expect(await play(signIn)).toContain('"id":"fake-model"')
  })

  test('lists models to a script with an API key of its own', async () => {
    const token = await signedIn()
    const made = await post(`${postern.url}/api/v1/auths/api_key`, {}, token)
    const line = withKey.replace('sk-…', String(made.body.api_key))
    expect(await play(line)).toContain('"id":"fake-model"')
  })

  test('leaves a row for each of the requests of one message, labelled as what it is', async () => {
    const token = await signedIn()
    const message = {
      model: 'fake-model',
      messages: [{ role: 'user', content: 'Hello' }],
      chat_id: 'local:1',
    }
    await post(`${postern.url}/api/chat/completions`, { ...message, stream: false }, token)
    for (const task of ['title', 'tags', 'follow_up']) {
      const asked = await post(`${postern.url}/api/v1/tasks/${task}/completions`, message, token)
      expect([task, asked.status]).toEqual([task, 200])
    }
    const chats = async () =>
      (await rowsOf(postern)).filter(({ route }) => route === '/v1/chat/completions')
    await expect.poll(async () => (await chats()).length, { timeout: 15_000 }).toBe(4)
    expect(new Set((await chats()).map(({ label }) => label))).toEqual(
      new Set([null, 'title_generation', 'tags_generation', 'follow_up_generation']),
    )
    for (const row of await chats()) {
      expect(row).toMatchObject({
        login: 'alice@example.com',
        credential_id: 'openwebui',
        user_agent: 'Open WebUI',
      })
    }
    expect(new Set((await chats()).map(({ session_id }) => session_id))).toEqual(
      new Set(['local:1']),
    )
    expect(JSON.stringify(upstream.requests.map(({ headers }) => headers))).not.toMatch(
      /label|local:1/,
    )
  })
})

describeWith([openWebui], 'an Open WebUI that ran before Postern stood in front of it', () => {
  let upstream: FakeUpstream
  let dataDir: string
  let webui: Server
  let postern: PosternProcess
  let port: number
  let uiPort: number
  const persistent = { ENABLE_PERSISTENT_CONFIG: 'true' }

  const start = (openaiBaseUrl: string, settings: Record<string, string>) => {
    const key = `openwebui:${passwords.openwebui}`
    return startOpenWebui({
      port: uiPort,
      dataDir,
      openaiBaseUrl,
      key,
      origins: [`http://127.0.0.1:${port}`],
      settings,
    })
  }
  beforeAll(async () => {
    upstream = await started(startUpstream())
    dataDir = await home()
    ;[port, uiPort] = [await freePort(), await freePort()]
    webui = await start(`${upstream.url}/v1`, persistent)
    ends.push(() => webui.stop())
    await post(`${webui.url}/api/v1/auths/signup`, account)
    const config = await configFor(webui.url, upstream.url, 'off')
    postern = await started(startPostern({ port, config }))
  }, 240_000)

  const again = async (settings: Record<string, string>) => {
    await webui.stop()
    webui = await start(`${postern.url}/v1`, settings)
  }
  /** A person opens the chat, and asks. */
  const chat = async () => {
    const { body } = await post(`${postern.url}/api/v1/auths/signin`, account)
    const token = { authorization: `Bearer ${body.token}` }
    const listed = await fetch(`${postern.url}/api/models`, { headers: token })
    expect(await listed.text()).toContain('fake-model')
    const message = {
      model: 'fake-model',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: false,
    }
    const answer = await post(`${postern.url}/api/chat/completions`, message, token)
    expect(answer.status).toBe(200)
  }
  const findings = async (): Promise<string[]> => {
    const { stdout } = await postern.run('doctor', '--json')
    const report = JSON.parse(stdout) as { findings: { id: string }[] }
    return report.findings.map(({ id }) => id)
  }

  test('goes on past the gateway, whatever its variables say, and the doctor tells', async () => {
    await again(persistent)
    await chat()
    expect(await rowsOf(postern)).toEqual([])
    expect(await findings()).toContain('webui.past_gateway')
  }, 240_000)

  test('asks the gateway with the setting that the guide names', async () => {
    const { ENABLE_PERSISTENT_CONFIG = '' } = settingsFrom('OPENAI_API_BASE_URLS')
    await again({ ENABLE_PERSISTENT_CONFIG })
    await chat()
    await expect
      .poll(async () => (await rowsOf(postern)).length, { timeout: 15_000 })
      .toBeGreaterThan(1)
    expect(await findings()).not.toContain('webui.past_gateway')
  }, 240_000)
})

describe('the guide', () => {
  test('has the block that these tests play', () => {
    expect(settingsFrom('OPENAI_API_BASE_URLS')).toMatchObject({
      ENABLE_PERSISTENT_CONFIG: 'false',
    })
  })
})
