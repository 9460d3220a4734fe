import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { confirm, isCancel } from '@clack/prompts'
import {
  inTime,
  type Place,
  type Program,
  programOver,
} from '../../adapter/node/tailscaled/expose/change.ts'
import { readServeConfig, ServeConfigDenied } from '../../tailscale/serve-config-change.ts'

interface Flags {
  readonly yes?: boolean
}

/**
 * Writes the serve-config; where tailscaled lets only root do that, does the same by sudo and the command line of
 * Tailscale, once it has shown the commands and was told to.
 */
export const programWithSudo =
  (place: Place, { yes = false }: Flags): Program =>
  async (programming) => {
    try {
      await programOver(place.localApi)(programming)
    } catch (error) {
      if (!(error instanceof ServeConfigDenied)) throw error
      const { config } = await readServeConfig(place.localApi, inTime())
      await asRoot(programming.commands(config), error.message, yes)
    }
  }

const asRoot = async (
  commands: readonly (readonly string[])[],
  reason: string,
  yes: boolean,
): Promise<void> => {
  const lines = commands.map((command) => `  sudo ${command.map(quoted).join(' ')}`)
  const why = `tailscaled refuses this user: ${reason}`
  const asked = `${why}. As root it is:\n${lines.join('\n')}`
  if (!yes && !process.stdin.isTTY) throw new Error(`${asked}\n${otherwise(reason)}`)
  process.stderr.write(`${asked}\n`)
  if (!yes && !(await agreed())) throw new Error(`not run. ${otherwise(reason)}`)
  for (const command of commands) await sudo(command)
}

const agreed = async (): Promise<boolean> => {
  const answer = await confirm({ message: 'Run that now?', output: process.stderr })
  return !isCancel(answer) && answer
}

const otherwise = (reason: string): string =>
  /path or Unix socket/.test(reason)
    ? 'Run them or this command by sudo (--yes lets it), or let tailscaled lead to a port: a listener { "name": ' +
      '"tailnet", "bind": "127.0.0.1:8788", "identity": "serve" } needs no root, but lets every program of this machine ' +
      'claim to be anybody of your tailnet'
    : 'Run them or this command by sudo (--yes lets it), or let this user write, once: `sudo tailscale set --operator=$USER`'

/** Its output is not ours: stdout may be read as JSON. Without a terminal it must not wait for a password. */
const sudo = async (command: readonly string[]): Promise<void> => {
  const args = process.stdin.isTTY ? command : ['-n', ...command]
  const child = spawn('sudo', args, { stdio: ['inherit', 2, 2] })
  const [code] = (await once(child, 'close').catch(() => [127])) as [number | null]
  if (code !== 0) throw new Error(`sudo ${command.join(' ')} ended with ${code ?? 'a signal'}`)
}

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
