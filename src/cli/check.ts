import { Command } from 'commander'
import { loadConfig } from '../adapter/node/config/config-file.ts'
import { formatProblem, type Problem } from '../config/problem.ts'
import { configOption } from './user/config-option.ts'

interface Flags {
  readonly config: string
  readonly allowWarnings?: boolean
  readonly json?: boolean
}

/** `postern check`: everything that is wrong with the configuration, each with its place and a remedy. */
export const checkCommand = (): Command =>
  new Command('check')
    .description('validate the configuration; exit 1 on any error or warning')
    .addOption(configOption())
    .option('--allow-warnings', 'exit 0 when there are only warnings')
    .option('--json', 'print { ok, problems } as JSON')
    .action(async ({ config: path, allowWarnings = false, json = false }: Flags) => {
      const { problems } = await loadConfig(path)
      const ok = problems.every(({ severity }) => allowWarnings && severity === 'warning')
      const text = json ? JSON.stringify({ ok, problems }, null, 2) : report(path, problems)
      process.stdout.write(`${text}\n`)
      process.exitCode = ok ? 0 : 1
    })

const report = (path: string, problems: readonly Problem[]): string =>
  [...problems.map(formatProblem), `${path}: ${summary(problems)}`].join('\n')

function summary(problems: readonly Problem[]): string {
  const count = (severity: Problem['severity']): string[] => {
    const { length } = problems.filter((problem) => problem.severity === severity)
    return length === 0 ? [] : [`${length} ${severity}${length === 1 ? '' : 's'}`]
  }
  return [...count('error'), ...count('warning')].join(', ') || 'no problems'
}
