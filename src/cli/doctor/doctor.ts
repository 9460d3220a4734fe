import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { loadConfig } from '../../adapter/node/config/config-file.ts'
import { createMachine } from '../../adapter/node/doctor/doctor.ts'
import { createTransport } from '../../adapter/node/http/transport.ts'
import { filePath } from '../../adapter/node/ledger/database.ts'
import { LedgerReader } from '../../adapter/node/ledger/reader.ts'
import { gatewayRuns } from '../../adapter/node/tailscaled/expose/running.ts'
import { createLocalApi } from '../../adapter/node/tailscaled/localapi.ts'
import { examine, examineWithout } from '../../admin/doctor/examine.ts'
import { type Finding, type Subject, subjects } from '../../admin/doctor/finding.ts'
import { report } from '../../admin/doctor/route.ts'
import type { Config } from '../../config/config.ts'
import type { Problem } from '../../config/problem.ts'
import { withDemo } from '../../gateway/upstream/demo.ts'
import { createRegistry } from '../../gateway/upstream/registry.ts'
import { print } from '../table.ts'
import { configOption } from '../user/config-option.ts'
import { asText } from './text.ts'

interface Flags {
  readonly config: string
  readonly data: string
  readonly json?: boolean
  readonly all?: boolean
}

/** `postern doctor`: every known failure of this kind of set-up, each with cause and remedy. */
export const doctorCommand = (): Command =>
  new Command('doctor')
    .description('look for every known failure of such a set-up; exit 1 when there is an error')
    .addOption(configOption())
    .option('--data <dir>', 'where the ledger lies', process.env.POSTERN_DATA ?? './data')
    .option('--all', 'show what is fine, too')
    .option('--json', 'print { ok, findings } as JSON')
    .action(doctor)

const doctor = async (flags: Flags): Promise<void> => {
  const findings = await lookAt(flags)
  const answer = report(findings)
  const text = flags.json
    ? `${JSON.stringify(answer, null, 2)}\n`
    : asText(findings, { all: flags.all ?? false, width: process.stdout.columns ?? 100 })
  await print(text)
  process.exitCode = answer.ok ? 0 : 1
}

const lookAt = async (flags: Flags): Promise<readonly Finding[]> => {
  const { config, problems } = await loadConfig(flags.config)
  const running = () => gatewayRuns(flags.data)
  const inForce = config ?? {
    database: { url: 'file:postern.db', authToken: undefined },
    redis: undefined,
  }
  const machine = createMachine({ dataDir: flags.data, config: () => inForce, running })
  if (!config) return examineWithout(problems, machine)
  const progress = showProgress()
  try {
    return await withParts(config, problems, flags, machine, progress.done)
  } finally {
    progress.stop()
  }
}

const withParts = async (
  config: Config,
  problems: readonly Problem[],
  { data }: Flags,
  machine: ReturnType<typeof createMachine>,
  done: (subject: Subject) => void,
): Promise<readonly Finding[]> => {
  const transport = createTransport()
  const send = withDemo(transport.send)
  const clock = { now: () => Date.now(), elapsed: () => performance.now() }
  const registry = createRegistry({ send, clock, log: () => {} }, config)
  const { socket } = config.tailscale
  const reader = readerOf(config, data)
  try {
    // Those that are configured are asked by the doctor itself.
    if (config.providers.size === 0) await registry.refresh()
    const given = {
      config,
      problems,
      providers: registry.providers(),
      clock,
      send,
      localApi: createLocalApi({ socket: () => socket }),
      machine,
      ask: reader?.ask.bind(reader),
    }
    return await examine(given, done)
  } finally {
    await Promise.all([transport.close(), closeInTime(reader)])
  }
}

/** Undefined where there is nothing to read yet: a reader would make it. */
const readerOf = ({ database }: Config, dataDir: string): LedgerReader | undefined => {
  const path = filePath({ ...database, dataDir })
  if (path !== undefined && !existsSync(path)) return undefined
  return new LedgerReader({ ...database, dataDir })
}

/** A thread that waits for a distant database may take longer to end than anybody wants to wait. */
const closeInTime = (reader: LedgerReader | undefined): Promise<unknown> =>
  Promise.race([reader?.close(), sleep(500, undefined, { ref: false })])

/** ms of silence before it says what it waits for. */
const quiet = 2000

/** Says what is still being looked at, once it takes its time. On stderr: stdout may be read as JSON. */
const showProgress = () => {
  const open = new Set<Subject>(subjects)
  const timer = setInterval(() => {
    process.stderr.write(`still looking at: ${[...open].join(', ')}\n`)
  }, quiet)
  return {
    done: (subject: Subject) => {
      open.delete(subject)
    },
    stop: () => clearInterval(timer),
  }
}
