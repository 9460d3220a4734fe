import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import { writeConfig } from '../../adapter/node/config/config-file.ts'
import { formatProblem } from '../../config/problem.ts'
import { changeFile } from '../act.ts'
import { print, table } from '../table.ts'
import { dataOption } from '../user/config-option.ts'
import type { Mode } from './additions.ts'
import { type Imported, importAperture } from './aperture.ts'

interface Flags {
  readonly out: string
  readonly data: string
  readonly mode: Mode
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly json?: boolean
}

/** `postern import`: configurations of others. */
export const importCommand = (): Command =>
  new Command('import').description('take over the configuration of another gateway').addCommand(
    new Command('aperture')
      .description(
        'from Aperture by Tailscale; what cannot be taken over becomes a comment in the file, and is named',
      )
      .argument('<file>', 'its configuration (HuJSON), or - for standard input')
      .option('--out <file>', 'where to write', './postern.hujson')
      .addOption(
        new Option('--mode <mode>', 'who is to come in')
          .choices(['local', 'serve', 'both'])
          .default('serve'),
      )
      .addOption(dataOption())
      .option('--dry-run', 'write nothing, only report')
      .option('--force', 'replace a file that is there')
      .option('--json', 'print JSON')
      .action(run),
  )

const run = async (file: string, flags: Flags): Promise<void> => {
  const source = file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8')
  const { mode, out } = flags
  const result = await importAperture(source, { mode, path: out, at: Date.now() })
  const deed = {
    action: 'config.replace',
    target: 'configuration',
    detail: 'postern import aperture',
  }
  if (!flags.dryRun) {
    await changeFile({ ...flags, config: out }, deed, () => write(flags, result.text))
  }
  const place = flags.dryRun ? null : out
  await print(flags.json ? asJson(result, place) : report(result, place))
}

const write = async ({ out, force }: Flags, text: string): Promise<void> => {
  if (existsSync(out) && !force) {
    throw new Error(`${out} is there already: name another with --out, or replace it with --force`)
  }
  await writeConfig(out, text)
}

const asJson = ({ text: _, ...result }: Imported, written: string | null): string =>
  `${JSON.stringify({ ...result, written }, null, 2)}\n`

const report = ({ sections, steps, problems }: Imported, written: string | null): string => {
  const rows = sections.map(({ section, outcome, detail }) => [section, outcome, detail])
  const columns = [{ name: 'section' }, { name: 'outcome' }, { name: 'what' }]
  const lines = steps.map(({ path, outcome, what }) => `${path}: ${outcome}: ${what}\n`).join('')
  const notes = problems.map((problem) => `${formatProblem(problem)}\n`).join('')
  const end =
    written === null
      ? 'nothing was written\n'
      : `written to ${written}; start with: postern up --config ${written}\n`
  return [table(columns, rows), lines, notes, end].filter(Boolean).join('\n')
}
