/**
 * `npm test`: brings what the tests need, runs every check and every test, and says at the end, on one line, how many
 * passed, failed and were skipped. Under CI a skip is a failure: what could not be had was not tested.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LEFT_OUT } from './support/field/left-out.ts'

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules', '.bin', name)
const ci = process.env.CI === 'true'

const run = (title: string, command: string, args: readonly string[]): Promise<number> => {
  console.log(`\n── ${title}`)
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('error', () => resolve(127))
    child.once('close', (code) => resolve(code ?? 1))
  })
}

const check = async (counts: Counts, title: string, command: string, args: readonly string[]) => {
  const code = await run(title, command, args)
  counts[code === 0 ? 'passed' : 'failed']++
}

interface TestResult {
  readonly status: string
  readonly fullName: string
}

interface Report {
  readonly testResults: readonly { readonly assertionResults: readonly TestResult[] }[]
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly numPendingTests: number
  readonly numTodoTests: number
}

/** Tests of data that nothing brings (test/support/field/data.ts): not run, said loudly, and no failure. */
const leftOut = ({ testResults }: Report): readonly string[] =>
  testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status, fullName }) => status !== 'passed' && fullName.includes(LEFT_OUT))
    .map(({ fullName }) => fullName)

/** Runs one vitest project and adds its numbers; a run that wrote no report has failed. */
const vitest = async (counts: Counts, project: string, folder: string): Promise<void> => {
  const report = join(folder, `${project}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const code = await run(`${project} tests`, bin('vitest'), [
    'run',
    '--project',
    project,
    ...reporters,
  ])
  try {
    const result = JSON.parse(await readFile(report, 'utf8')) as Report
    counts.passed += result.numPassedTests
    counts.failed += result.numFailedTests
    const apart = leftOut(result)
    for (const name of apart) console.log(`\nLEFT OUT: ${name}`)
    counts.skipped += result.numPendingTests + result.numTodoTests - apart.length
    // A file that fails to load has no tests that could fail.
    if (code !== 0 && result.numFailedTests === 0) counts.failed++
  } catch {
    counts.failed++
  }
}

const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
const folder = await mkdtemp(join(tmpdir(), 'postern-tests-'))
await run('what the tests need', process.execPath, ['test/real/setup.ts'])
await run('a tailnet of their own', process.execPath, ['test/tailnet/setup.ts'])
await check(counts, 'lint and format', bin('biome'), ['check', '.'])
for (const project of [
  'tsconfig.core.json',
  'tsconfig.node.json',
  'tsconfig.workers.json',
  'bench',
]) {
  await check(counts, `types: ${project}`, bin('tsc'), ['-p', project])
}
await vitest(counts, 'unit', folder)
await vitest(counts, 'real', folder)
await vitest(counts, 'field', folder)
await vitest(counts, 'tailnet', folder)
await rm(folder, { recursive: true, force: true })

console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 || (ci && counts.skipped > 0) ? 1 : 0
