import { fileURLToPath } from 'node:url'
import { must } from '../../test/support/parts/run.ts'
import { cores, onCore } from '../process/cores.ts'

export interface WrkOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly connections: number
  readonly seconds: number
}

export interface WrkResult {
  readonly requests: number
  readonly seconds: number
  /** ms */
  readonly p50: number
  readonly p99: number
  /** Answers that were neither 2xx nor 3xx. */
  readonly refused: number
  /** Connections that failed, and answers that never came. */
  readonly broken: number
}

const script = fileURLToPath(new URL('./wrk.lua', import.meta.url))

/** As many requests as can be had on so many connections, by wrk, on the core of the load. */
export const wrk = async (options: WrkOptions): Promise<WrkResult> => {
  const { url, headers, body, connections, seconds } = options
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]
  const [command = '', ...rest] = onCore(cores.load, 'wrk', args)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const { stdout } = await must(command, rest, {
    env: { BENCH_BODY: body, BENCH_HEADERS: lines.join('\n') },
  })
  const text = stdout.match(/^RESULT (.*)$/m)?.[1]
  if (text === undefined) throw new Error(`wrk said nothing:\n${stdout}`)
  const { microseconds, p50, p99, ...counts } = JSON.parse(text)
  return { ...counts, seconds: microseconds / 1e6, p50: p50 / 1000, p99: p99 / 1000 }
}

/** @throws Error when anything but a success was counted: a gateway that refuses is quick */
export const allServed = (result: WrkResult, name: string): WrkResult => {
  const { requests, refused, broken } = result
  if (requests > 0 && refused + broken === 0) return result
  throw new Error(`${name}: of ${requests} requests ${refused} were refused, ${broken} broken`)
}
