import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcryptjs'
import { startCaddy } from '../support/parts/caddy.ts'
import { startLlama } from '../support/parts/llama.ts'
import { startOpenWebui } from '../support/parts/open-webui.ts'
import { freePort } from '../support/parts/port.ts'
import type { Server } from '../support/parts/server.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'

/** The users of every stack. `openwebui` is Open WebUI itself, with a credential of its own. */
export const passwords = {
  api_user: 'correct-horse-battery-staple',
  openwebui: 'only-open-webui-knows-this',
} as const

export type User = keyof typeof passwords

/** `user:password`, as `curl -u` takes it. */
export const pair = (user: User): string => `${user}:${passwords[user]}`

/** Scenario S1 on real parts: model server, Open WebUI (if asked for), Postern, and Caddy in front of it. */
export interface Stack {
  readonly llama: Server
  readonly webui: Server | undefined
  readonly postern: PosternProcess
  readonly caddy: Server
  /** Ends all of it and removes what it wrote. */
  stop(): Promise<void>
}

/** The two ways in: straight to Postern, and through Caddy. */
export const doors = ['postern', 'caddy'] as const

export const startStack = async ({ webui: wantsWebui }: { webui: boolean }): Promise<Stack> => {
  const home = await mkdtemp(join(tmpdir(), 'postern-stack-'))
  const stops: (() => Promise<void>)[] = [() => rm(home, { recursive: true, force: true })]
  const started = async <T extends Server>(server: Promise<T>): Promise<T> => {
    const running = await server
    stops.push(running.stop)
    return running
  }
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    const [direct, front, ui] = [await freePort(), await freePort(), await freePort()]
    const origins = [`http://127.0.0.1:${direct}`, `http://127.0.0.1:${front}`]
    const openaiBaseUrl = `http://127.0.0.1:${direct}/v1`
    const webuiOptions = { port: ui, dataDir: home, openaiBaseUrl, key: pair('openwebui'), origins }
    const [llama, webui] = await Promise.all([
      started(startLlama()),
      wantsWebui ? started(startOpenWebui(webuiOptions)) : undefined,
    ])
    const config = await configFor(llama.url, webui?.url, direct)
    const postern = await started(startPostern({ config, port: direct }))
    const caddy = await started(startFront(postern, front))
    return { llama, webui, postern, caddy, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const configFor = async (llama: string, webui: string | undefined, port: number) => ({
  front: 'caddy',
  listeners: [
    { name: 'local', bind: `127.0.0.1:${port}` },
    { name: 'caddy', bind: 'unix:caddy.sock', trusted_proxies: ['unix'] },
  ],
  ...(webui !== undefined && { webui: { url: webui } }),
  providers: {
    llama: {
      baseurl: llama,
      models: ['local-llm'],
      compatibility: { openai_chat: true, anthropic_messages: true },
    },
  },
  users: {
    api_user: { password: await bcrypt.hash(passwords.api_user, 4), login: 'api_user' },
    openwebui: { password: await bcrypt.hash(passwords.openwebui, 4), login: 'openwebui' },
  },
  grants: [
    {
      src: ['*'],
      app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] },
    },
  ],
})

/** Caddy on exactly what `postern caddy render` prints. */
const startFront = async (postern: PosternProcess, port: number): Promise<Server> => {
  const admin = `127.0.0.1:${await freePort()}`
  const rendered = await postern.run(
    'caddy',
    'render',
    '--listen',
    `127.0.0.1:${port}`,
    '--admin',
    admin,
  )
  if (rendered.code !== 0) throw new Error(`postern caddy render: ${rendered.stderr}`)
  return startCaddy(rendered.stdout, `http://127.0.0.1:${port}`)
}

/** Columns of the ledger that these tests look at. */
export interface LedgerRow {
  readonly login: string
  readonly route: string
  readonly dialect: string
  readonly model: string
  readonly provider: string
  readonly status: number
  readonly outcome: string
  readonly output_tokens: number
  readonly tokens_source: string
}

/** The ledger's completions of one user as `postern usage` prints them, newest first. */
export const completionsOf = async (postern: PosternProcess, login: User): Promise<LedgerRow[]> => {
  const { code, stdout, stderr } = await postern.run('usage', '--rows', '--json')
  if (code !== 0) throw new Error(`postern usage: ${stderr}`)
  const rows: LedgerRow[] = JSON.parse(stdout)
  return rows.filter((row) => row.login === login && row.model !== null)
}
