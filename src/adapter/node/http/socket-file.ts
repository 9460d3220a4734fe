import { chmod, chown, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { ListenerConfig } from '../../../config/config.ts'

/** Who may open a socket file beside the user who runs the gateway, and root. */
export interface Rights {
  readonly mode: number
  /** Undefined: the group that the file has from its creation. */
  readonly gid: number | undefined
}

type Listener = Pick<ListenerConfig, 'name' | 'identity' | 'group'>

/**
 * Makes the folder of a socket file. Who can open a socket with an identity can claim to be anyone, so its folder must
 * keep others out: a right that is taken away later would still leave their open connections. The data folder is the
 * gateway's own, and is closed to others here where `mkdir` or a container left it open.
 * @throws Error with a remedy when others may enter the folder, or when there is no such group
 */
export const preparePlace = async (
  path: string,
  listener: Listener,
  dataDir: string,
): Promise<Rights> => {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const gid = listener.group === undefined ? undefined : await groupId(listener.group)
  if (listener.identity !== 'none' && process.platform !== 'win32') {
    await requirePrivate(folder, listener, { gid, isOurs: folder === resolve(dataDir) })
  }
  return { mode: listener.identity === 'none' || gid !== undefined ? 0o660 : 0o600, gid }
}

const requirePrivate = async (
  folder: string,
  { name, identity }: Listener,
  { gid, isOurs }: { readonly gid: number | undefined; readonly isOurs: boolean },
): Promise<void> => {
  const found = await stat(folder)
  const why = `listener "${name}" believes whoever opens its socket (identity "${identity}")`
  if (found.uid !== process.geteuid?.()) {
    throw new Error(
      `${why}, and its folder ${folder} belongs to another user: bind it in a folder of the user who runs the gateway`,
    )
  }
  const mode = found.mode & 0o777
  // Entering and reading is what a named group is for; whoever can write can put another socket there.
  const allowed = gid !== undefined && gid === found.gid ? 0o750 : 0o700
  if ((mode & ~allowed) === 0) return
  if (isOurs) return chmod(folder, mode & allowed)
  throw new Error(
    `${why}, and others may enter its folder ${folder} (mode ${mode.toString(8).padStart(4, '0')}): ` +
      `run \`chmod ${allowed.toString(8)} ${folder}\`, or name the group of the proxy in "group" of the listener`,
  )
}

/** Node cannot ask the system for a group by its name. */
const groupId = async (group: string): Promise<number> => {
  if (/^\d+$/.test(group)) return Number(group)
  const lines = (await readFile('/etc/group', 'utf8').catch(() => '')).split('\n')
  const entry = lines.map((line) => line.split(':')).find(([name]) => name === group)
  if (entry?.[2] !== undefined) return Number(entry[2])
  throw new Error(
    `there is no group "${group}" in /etc/group: correct "group", or write its number`,
  )
}

/**
 * Creates files for their owner alone while `begin` runs: between its creation and a `chmod` a socket would stand open.
 * The mask is the process's, so only what is begun at once is done under it; node:net binds a path at once.
 */
export const withPrivateMode = <T>(begin: () => T): T => {
  const before = process.umask(0o177)
  try {
    return begin()
  } finally {
    process.umask(before)
  }
}

export const openTo = async (path: string, { mode, gid }: Rights): Promise<void> => {
  if (gid !== undefined) await chown(path, -1, gid)
  await chmod(path, mode)
}
