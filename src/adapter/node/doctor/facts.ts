import { constants, existsSync } from 'node:fs'
import { access, readdir, readFile, stat, statfs } from 'node:fs/promises'
import { networkInterfaces, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { DataFolder, MachineFacts } from '../../../platform/machine.ts'

/** What there is to know of this process and what it stands on. What the system does not tell is left out. */
export const factsOf = async (
  dataDir: string,
  running: () => Promise<boolean>,
): Promise<MachineFacts> => ({
  node: process.versions.node,
  user: userName(),
  freeMemory: process.availableMemory(),
  data: await lookAtFolder(dataDir),
  addresses: addresses(),
  container: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
  published: await publishedPorts(),
  running: await running().catch(() => undefined),
})

/** A container may run as a number without a name. */
const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'of this process')
  }
}

const addresses = (): MachineFacts['addresses'] =>
  Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
    list
      .filter(({ internal }) => !internal)
      .map(({ address }) => ({ interface: name, address: address.split('%')[0] ?? address })),
  )

const lookAtFolder = async (path: string): Promise<DataFolder> => {
  const exists = existsSync(path)
  // What is not there yet is made in the nearest folder that is.
  const standing = exists ? path : nearestFolder(path)
  const [writable, free, exposed, journal, rejected] = await Promise.all([
    access(standing, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    ),
    statfs(standing).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => undefined,
    ),
    exists ? exposedIn(path) : [],
    sizeOf(join(path, 'ledger.journal')),
    sizeOf(join(path, 'ledger.rejected')),
  ])
  return { path, exists, writable, free, exposed, journal, rejected }
}

const nearestFolder = (path: string): string => {
  const parent = dirname(path)
  return existsSync(parent) || parent === path ? parent : nearestFolder(parent)
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  )

/** Nobody gets at the files of a folder that only its owner may enter. The lock, and what SQLite puts beside it, is empty. */
const exposedIn = async (folder: string): Promise<string[]> => {
  if (process.platform === 'win32') return []
  try {
    if (((await stat(folder)).mode & 0o001) === 0) return []
    const names = (await readdir(folder)).filter((name) => !name.startsWith('ledger.lock'))
    const states = await Promise.all(names.map((name) => stat(join(folder, name))))
    return names.filter((_, at) => states[at]?.isFile() && (states[at].mode & 0o004) !== 0)
  } catch {
    return []
  }
}

/**
 * Docker keeps a process for each port that it publishes, and any user may read its command line. Where it does
 * without (`userland-proxy: false`), and elsewhere than on Linux, nothing is found.
 */
const publishedPorts = async (): Promise<number[]> => {
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const ports = await Promise.all(processes.map((id) => publishedBy(`/proc/${id}/cmdline`)))
  return ports.filter((port) => port !== undefined)
}

const publishedBy = async (path: string): Promise<number | undefined> => {
  const words = (await readFile(path, 'utf8').catch(() => '')).split('\0')
  if (!words[0]?.endsWith('docker-proxy')) return undefined
  const port = Number(words[words.indexOf('-host-port') + 1])
  return Number.isInteger(port) ? port : undefined
}
