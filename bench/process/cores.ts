import { existsSync } from 'node:fs'
import { cpus } from 'node:os'

/** What is measured has the first core to itself; the load and the stub share the second. */
export const cores = { gateway: 0, load: 1 } as const

/** @throws Error saying what this machine lacks for a measurement that means something */
export const requireCores = (): void => {
  if (process.platform !== 'linux') throw new Error('bench needs Linux: /proc and taskset')
  if (cpus().length < 2) throw new Error('bench needs two cores')
  if (!existsSync('/usr/bin/taskset')) throw new Error('bench needs taskset (util-linux)')
}

/** The command that runs another one on one core only; it becomes that command, so the pid stays. */
export const onCore = (core: number, command: string, args: readonly string[]): string[] => [
  'taskset',
  '-c',
  String(core),
  command,
  ...args,
]
