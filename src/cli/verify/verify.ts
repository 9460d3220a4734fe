import { Command } from 'commander'
import { type Check, checks } from './checks.ts'

interface Flags {
  readonly user?: string
  readonly model?: string
  readonly json?: boolean
}

/** `postern verify URL`: the acceptance tests of a deployment, from any machine. */
export const verifyCommand = (): Command =>
  new Command('verify')
    .description(
      'test a deployment from outside: who gets in, do models answer, does the chat page',
    )
    .argument('<url>', 'address of the gateway, e.g. https://machine.tailnet.ts.net')
    .option(
      '-u, --user <user:password>',
      'a credential; better in $POSTERN_CREDENTIAL, which other users of this machine cannot see',
    )
    .option('-m, --model <name>', 'the model to ask (default: the first one listed)')
    .option('--json', 'print the results as JSON')
    .action(async (url: string, flags: Flags) => {
      const credential = flags.user ?? process.env.POSTERN_CREDENTIAL
      if (!URL.canParse(url)) throw new Error(`${url} is not a URL`)
      const results = await runAll(url.replace(/\/+$/, ''), credential, flags)
      if (flags.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
      process.exitCode = results.every(({ verdict }) => verdict !== 'red') ? 0 : 1
    })

interface Result {
  readonly name: string
  readonly verdict: 'green' | 'red' | 'skipped'
  readonly detail: string
  readonly ms: number
}

const runAll = async (
  url: string,
  credential: string | undefined,
  flags: Flags,
): Promise<Result[]> => {
  const results: Result[] = []
  const context = { url, credential, model: flags.model }
  for (const check of checks) {
    const result = await runOne(check, context)
    results.push(result)
    if (!flags.json) process.stdout.write(line(result))
  }
  return results
}

const runOne = async (
  { name, run, needsCredential }: Check,
  context: Parameters<Check['run']>[0],
): Promise<Result> => {
  if (needsCredential && !context.credential) {
    return { name, verdict: 'skipped', detail: 'give a credential with -u user:password', ms: 0 }
  }
  const started = performance.now()
  const ms = (): number => Math.round(performance.now() - started)
  try {
    const detail = await run(context)
    return { name, verdict: 'green', detail, ms: ms() }
  } catch (error) {
    return { name, verdict: 'red', detail: reason(error), ms: ms() }
  }
}

const reason = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}

const marks = { green: '✓', red: '✗', skipped: '–' } as const
const colours = { green: '\u001b[32m', red: '\u001b[31m', skipped: '\u001b[2m' } as const

const line = ({ name, verdict, detail, ms }: Result): string => {
  const mark = process.stdout.isTTY
    ? `${colours[verdict]}${marks[verdict]}\u001b[0m`
    : marks[verdict]
  return `${mark} ${name.padEnd(46)} ${`${ms} ms`.padStart(9)}  ${detail}\n`
}
