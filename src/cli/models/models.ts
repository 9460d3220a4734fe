import { styleText } from 'node:util'
import { Command } from 'commander'
import { loadConfig } from '../../adapter/node/config/config-file.ts'
import { createTransport } from '../../adapter/node/http/transport.ts'
import { formatProblem } from '../../config/problem.ts'
import { withDemo } from '../../gateway/upstream/demo.ts'
import { createRegistry } from '../../gateway/upstream/registry.ts'
import type { Candidate, Provider, Send } from '../../platform/upstream.ts'
import { print, table } from '../table.ts'
import { configOption } from '../user/config-option.ts'
import { type Attempt, attempt } from './attempt.ts'

interface Flags {
  readonly config: string
  readonly json?: boolean
}

/** `postern models`: what is served by whom; `postern models test`: does it answer. Asks the providers themselves. */
export const modelsCommand = (): Command =>
  new Command('models')
    .description('what is served by whom, and does it answer')
    .addOption(configOption())
    .option('--json', 'print JSON')
    .action((flags: Flags) => withProviders(flags, (providers) => list(providers, flags)))
    .addCommand(testCommand())

const testCommand = (): Command =>
  new Command('test')
    .description('ask models for a few tokens; exit 1 when one does not answer')
    .argument('[name]', 'a model, with or without its provider; default: those in memory')
    .action(async (name: string | undefined, _flags: object, command: Command) => {
      const flags = command.optsWithGlobals<Flags>()
      await withProviders(flags, (providers, send) => test(chosen(providers, name), send, flags))
    })

async function withProviders(
  { config: path }: Flags,
  work: (providers: readonly Provider[], send: Send) => Promise<void>,
): Promise<void> {
  const { config, problems } = await loadConfig(path)
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  const transport = createTransport()
  try {
    const send = withDemo(transport.send)
    const clock = { now: () => Date.now(), elapsed: () => performance.now() }
    const registry = createRegistry({ send, clock, log: () => {} }, config)
    await registry.refresh()
    await work(registry.providers(), send)
  } finally {
    await transport.close()
  }
}

async function list(providers: readonly Provider[], { json }: Flags): Promise<void> {
  const rows = candidates(providers).map(describe)
  if (json) return print(`${JSON.stringify(rows, null, 2)}\n`)
  await print(table(columns, rows.map(toCells)))
  const silent = providers.filter(({ models, disabled }) => models.length === 0 && !disabled)
  for (const { id } of silent) process.stderr.write(`${id} does not say which models it has\n`)
}

const columns = [
  { name: 'model' },
  { name: 'provider' },
  { name: 'server' },
  { name: 'context', numeric: true },
  { name: 'loaded' },
]

const candidates = (providers: readonly Provider[]): Candidate[] =>
  providers.flatMap((provider) => provider.models.map((model) => ({ provider, model })))

interface Row {
  readonly model: string
  readonly provider: string
  readonly disabled: boolean
  readonly server: string | null
  readonly context_length: number | null
  readonly loaded: boolean | null
}

function describe({ provider, model }: Candidate): Row {
  const { contextLength, loaded } = provider.details.get(model) ?? {}
  return {
    model,
    provider: provider.id,
    disabled: provider.disabled,
    server: provider.server ?? null,
    context_length: contextLength ?? null,
    loaded: loaded ?? null,
  }
}

const toCells = ({ model, provider, disabled, server, context_length, loaded }: Row): string[] => [
  model,
  disabled ? `${provider} (disabled)` : provider,
  server ?? '-',
  String(context_length ?? '-'),
  loaded === null ? '-' : loaded ? 'yes' : 'no',
]

/** A paid list of hundreds, or a disk full of models, is not to be gone through by accident. */
const most = 20

/** Without a name: what is in memory, or may be; asking for the rest would have the server load it. */
function chosen(providers: readonly Provider[], name: string | undefined): Candidate[] {
  const enabled = candidates(providers).filter(({ provider }) => !provider.disabled)
  if (name === undefined) {
    const ready = enabled.filter(
      ({ provider, model }) => provider.details.get(model)?.loaded !== false,
    )
    if (ready.length > most) throw new Error(`there are ${ready.length} models: name one of them`)
    if (ready.length === 0) throw new Error('no model is in memory: name one of `postern models`')
    return ready
  }
  const named = enabled.filter(
    ({ provider, model }) => model === name || `${provider.id}/${model}` === name,
  )
  if (named.length === 0) throw new Error(`no provider lists ${name}`)
  return named
}

/** One after the other: a server with memory for one model would swap them to and fro. */
async function test(models: readonly Candidate[], send: Send, { json }: Flags): Promise<void> {
  const attempts: Attempt[] = []
  for (const candidate of models) {
    if (!json) process.stderr.write(progress(candidate))
    const result = await attempt(send, candidate)
    attempts.push(result)
    if (!json) await print(line(result))
  }
  if (json) await print(`${JSON.stringify(attempts, null, 2)}\n`)
  if (attempts.some(({ ok }) => !ok)) process.exitCode = 1
}

/** Stands where the result will be, on a terminal only. */
const progress = ({ provider, model }: Candidate): string =>
  process.stderr.isTTY ? `… ${provider.id}/${model}\r` : ''

function line({ ok, provider, model, ms, cause }: Attempt): string {
  const mark = ok ? styleText('green', '✔') : styleText('red', '✘')
  return `${mark} ${provider}/${model}  ${ms} ms${cause === undefined ? '' : `  ${oneLine(cause)}`}\n`
}

/** Providers write these words; none of them may move the cursor. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, 300)
