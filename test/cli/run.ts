import type { Command } from 'commander'
import { vi } from 'vitest'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** What the command threw; the CLI prints the message and exits 1. */
  readonly failure: string
}

/** Runs one command in this process, without a terminal. */
export async function runCommand(command: Command, ...args: readonly string[]): Promise<Ran> {
  const written = { out: '', err: '' }
  const into = (stream: 'out' | 'err') => (chunk: string | Uint8Array) => {
    written[stream] += String(chunk)
    return true
  }
  const out = vi.spyOn(process.stdout, 'write').mockImplementation(into('out'))
  const err = vi.spyOn(process.stderr, 'write').mockImplementation(into('err'))
  process.exitCode = undefined
  let failure = ''
  try {
    for (const each of [command, ...command.commands]) each.exitOverride()
    await command.parseAsync([...args], { from: 'user' })
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
  const code = failure === '' ? Number(process.exitCode ?? 0) : 1
  process.exitCode = undefined
  return { code, failure, ...written }
}
