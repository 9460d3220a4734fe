import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import { writeConfig } from '../adapter/node/config-file.ts'
import { formatProblem } from '../config/problem.ts'
import { type Imported, type ImportOptions, importAperture } from './import/aperture.ts'
import { print, table } from './table.ts'

interface Flags {
  readonly out: string
  readonly mode: ImportOptions['mode']
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly json?: boolean
}

/** `postern import`: configurations of others. */
export const importCommand = (): Command =>
  new Command('import').description('take over the configuration of another gateway').addCommand(
    new Command('aperture')
      .description('from Aperture by Tailscale; says what it understood, renamed, and cannot do')
      .argument('<file>', 'its configuration (HuJSON), or - for standard input')
      .option('--out <file>', 'where to write', './postern.hujson')
      .addOption(
        new Option('--mode <mode>', 'who is to come in')
          .choices(['local', 'serve', 'both'])
          .default('serve'),
      )
      .option('--dry-run', 'write nothing, only report')
      .option('--force', 'replace a file that is there')
      .option('--json', 'print JSON')
      .action(run),
  )

const run = async (file: string, flags: Flags): Promise<void> => {
  const source = file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8')
  const result = importAperture(source, { mode: flags.mode, path: flags.out })
  const usable = result.problems.every(({ severity }) => severity !== 'error')
  const written = usable && !flags.dryRun
  if (written) await write(flags, result.text)
  await print(flags.json ? asJson(result, written, flags.out) : report(result, written, flags.out))
  if (!usable) process.exitCode = 1
}

const write = async ({ out, force }: Flags, text: string): Promise<void> => {
  if (existsSync(out) && !force) {
    throw new Error(`${out} is there already: name another with --out, or replace it with --force`)
  }
  await writeConfig(out, text)
}

const asJson = ({ text: _, ...result }: Imported, written: boolean, out: string): string =>
  `${JSON.stringify({ ...result, written: written ? out : null }, null, 2)}\n`

const report = (result: Imported, written: boolean, out: string): string => {
  const rows = [
    ...result.understood.map(({ section, detail }) => [section, 'understood', detail]),
    ...result.renamed.map(({ from, to }) => [from, 'renamed', to]),
    ...result.withoutEffect.map((path) => [
      path,
      'without effect',
      'kept in the file, for later versions',
    ]),
  ]
  const columns = [{ name: 'part' }, { name: 'outcome' }, { name: 'what' }]
  const notes = result.problems.map((problem) => `${formatProblem(problem)}\n`).join('')
  const end = written
    ? `written to ${out}; start with: postern up --config ${out}\n`
    : 'nothing was written\n'
  return `${table(columns, rows)}\n${notes}${notes && '\n'}${end}`
}
