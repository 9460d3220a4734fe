import { readdir, readFile, readlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where a tailscaled listens. */
export type Daemon =
  | { readonly socketPath: string; readonly token?: undefined }
  | { readonly host: string; readonly port: number; readonly token: string }

/** What differs from one system to the next. */
export interface System {
  readonly platform: NodeJS.Platform
  readonly home: string
  /** Where the app of macOS leaves its port and token. */
  readonly library: string
}

/**
 * Debian and its kin; `/run` for images whose `/var/run` is not a link to it; Synology. Not QNAP's place below `/tmp`, where
 * elsewhere any user could play tailscaled.
 */
const linux = [
  '/var/run/tailscale/tailscaled.sock',
  '/run/tailscale/tailscaled.sock',
  '/var/packages/Tailscale/var/tailscaled.sock',
]

const windows = '\\\\.\\pipe\\ProtectedPrefix\\Administrators\\Tailscale\\tailscaled'

/**
 * Where tailscaled may be on this system, the likeliest first (tailscale 1.102 paths.go and safesocket_darwin.go). On
 * macOS an app comes before the daemon of the open source, as it does for the `tailscale` command.
 */
export const daemonsOf = async (system: System): Promise<readonly Daemon[]> => {
  switch (system.platform) {
    case 'win32':
      return [{ socketPath: windows }]
    case 'darwin': {
      const apps = await Promise.all([appStore(system), standalone(system)])
      return [...apps.flat(), { socketPath: '/var/run/tailscaled.socket' }]
    }
    default:
      return linux.map((socketPath) => ({ socketPath }))
  }
}

export const daemonsOfThisSystem = (): Promise<readonly Daemon[]> =>
  daemonsOf({ platform: process.platform, home: homedir(), library: '/Library/Tailscale' })

/** The app from the App Store: port and token are the name of a file in its group container. */
const appStore = async ({ home }: System): Promise<Daemon[]> => {
  const containers = join(home, 'Library', 'Group Containers')
  const own = (await list(containers)).filter((name) => name.endsWith('.tailscale.ipn.macos'))
  const names = (await Promise.all(own.map((name) => list(join(containers, name))))).flat()
  return names.flatMap((name) => {
    const [, port, token] = /^sameuserproof-(\d+)-([0-9a-f]+)$/.exec(name) ?? []
    return port !== undefined && token !== undefined ? [app(port, token)] : []
  })
}

/** The app as a download: a link whose target is the port, and a file with the token that administrators may read. */
const standalone = async ({ library }: System): Promise<Daemon[]> => {
  try {
    const port = await readlink(join(library, 'ipnport'))
    const token = (await readFile(join(library, `sameuserproof-${port}`), 'utf8')).trim()
    return /^\d+$/.test(port) && token !== '' ? [app(port, token)] : []
  } catch {
    return []
  }
}

const app = (port: string, token: string): Daemon => ({
  host: '127.0.0.1',
  port: Number(port),
  token,
})

const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
