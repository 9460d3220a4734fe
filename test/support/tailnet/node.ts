import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { pathOf } from '../parts/part.ts'
import { freePort } from '../parts/port.ts'
import { must, type RunResult } from '../parts/run.ts'
import { type Server, startServer } from '../parts/server.ts'
import { type Answer, type Ask, askOver } from './http.ts'
import { tailscale, tailscaled } from './programs.ts'

/** One machine of the tailnet: a tailscaled of its own, without a network device unless it was given one. */
export interface TailnetNode {
  readonly name: string
  /** `host:port` of its way into the tailnet, for SOCKS5 and HTTP. */
  readonly proxy: string
  /** Unix socket of its LocalAPI. */
  readonly socket: string
  /** The folder of its state, with `certs` in it. */
  readonly folder: string
  /** Runs the command line against it. */
  cli(...args: readonly string[]): Promise<RunResult>
  /** Asks its LocalAPI, by default with the right Host. */
  local(ask: Ask): Promise<Answer>
  /** Joins the tailnet; settled when the node is running. */
  up(controlUrl: string, key: string): Promise<void>
  /** A connection from this node into the tailnet, to a name or an address. */
  dial(host: string, port: number): Promise<Socket>
  /** Starts the daemon again on the same state. */
  start(): Promise<void>
  /** Ends the daemon. */
  stop(): Promise<void>
  log(): string
}

export interface NodeOptions {
  readonly name: string
  readonly folder: string
  readonly env?: NodeJS.ProcessEnv
  /** Name of a network device to make, for which it needs the right, and a network namespace that may be changed. */
  readonly device?: string | undefined
}

/** Nothing but the relay over plain HTTP is unusual; the rest keeps a test machine's network out of it. */
const quietEnv = {
  TS_DEBUG_USE_DERP_HTTP: 'true',
  TS_DISABLE_PORTMAPPER: '1',
  TS_NO_LOGS_NO_SUPPORT: 'true',
}

const dialWithinMs = 10_000

/** Starts a node that has not joined anything yet. */
export const startNode = async (options: NodeOptions): Promise<TailnetNode> => {
  const { name, folder, env = {}, device = 'userspace-networking' } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const socket = `${folder}.sock` // not in the folder, which is its daemon's alone
  const proxyPort = await freePort()
  const flags = {
    tun: device,
    statedir: folder,
    socket,
    port: '0',
    'socks5-server': `127.0.0.1:${proxyPort}`,
    'outbound-http-proxy-listen': `127.0.0.1:${proxyPort}`,
  }
  let server: Server | undefined
  let earlier = ''
  const start = async () => {
    const url = `http://127.0.0.1:${proxyPort}`
    server = await startServer({
      name: `tailscaled of ${name}`,
      command: pathOf(tailscaled),
      args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      env: { ...quietEnv, TS_LOGS_DIR: folder, ...env },
      url,
      ready: url,
      anyAnswer: true,
      within: 20_000,
    })
  }
  const stop = async () => {
    await server?.stop()
    earlier += server?.log() ?? ''
    server = undefined
  }
  const cli = (...args: readonly string[]) =>
    must(pathOf(tailscale), [`--socket=${socket}`, ...args], { within: 40_000 })
  const up = async (controlUrl: string, key: string) => {
    const where = [`--login-server=${controlUrl}`, `--auth-key=${key}`, `--hostname=${name}`]
    await cli('up', ...where, '--accept-dns=false', '--timeout=30s')
  }
  await start()
  return {
    name,
    proxy: `127.0.0.1:${proxyPort}`,
    folder,
    socket,
    cli,
    local: (ask) => askLocal(socket, ask),
    up,
    dial: (host, port) => dialThrough(proxyPort, `${host}:${port}`),
    start,
    stop,
    log: () => earlier + (server?.log() ?? ''),
  }
}

const askLocal = async (socket: string, ask: Ask): Promise<Answer> =>
  askOver(connect(socket), { headers: [['Host', 'local-tailscaled.sock']], ...ask })

/** Without a network device the tailnet is reached through the daemon's own proxy only. */
const dialThrough = async (proxyPort: number, target: string): Promise<Socket> => {
  const asking = request({
    host: '127.0.0.1',
    port: proxyPort,
    method: 'CONNECT',
    path: target,
    agent: false,
    signal: AbortSignal.timeout(dialWithinMs),
  })
  asking.end()
  const [incoming, socket] = (await once(asking, 'connect')) as [IncomingMessage, Socket]
  if (incoming.statusCode === 200) return socket
  socket.destroy()
  throw new Error(`${target} through the node's proxy: ${incoming.statusCode}`)
}
