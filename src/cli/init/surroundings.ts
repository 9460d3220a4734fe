import { stat } from 'node:fs/promises'
import { createTransport } from '../../adapter/node/http/transport.ts'
import { discoverServers, type FoundServer } from '../../gateway/upstream/discover.ts'

/** What runs on this machine that a configuration may name. */
export interface Surroundings {
  readonly servers: readonly Pick<FoundServer, 'name' | 'baseurl' | 'models'>[]
  /** Address of Open WebUI. */
  readonly webui: string | undefined
  /** Caddy's admin API answers. */
  readonly caddy: boolean
  readonly tailscaled: boolean
}

const TAILSCALED_SOCKETS = ['/var/run/tailscale/tailscaled.sock', '/var/run/tailscaled.socket']

/** Asks loopback only, without credentials; what does not answer within a second or two is not there. */
export async function lookAround(): Promise<Surroundings> {
  const transport = createTransport()
  const [servers, webui, caddy, tailscaled] = await Promise.all([
    discoverServers({ send: transport.send }),
    findWebui(),
    answers('http://127.0.0.1:2019/config/apps'),
    anyExists(TAILSCALED_SOCKETS),
  ])
  await transport.close()
  return { servers, webui, caddy, tailscaled }
}

/** Ports of its container's usual mapping and of `open-webui serve`. */
async function findWebui(): Promise<string | undefined> {
  for (const port of [3000, 8080]) {
    const url = `http://127.0.0.1:${port}`
    const config = (await getJson(`${url}/api/config`)) as { name?: unknown; features?: unknown }
    if (typeof config?.name === 'string' && typeof config.features === 'object') return url
  }
  return undefined
}

const answers = async (url: string): Promise<boolean> => (await getJson(url)) !== undefined

async function getJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(1200) })
    return response.ok ? await response.json() : undefined
  } catch {
    return undefined
  }
}

async function anyExists(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)))
  return found.some((it) => it !== undefined)
}
