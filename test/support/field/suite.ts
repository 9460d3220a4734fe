import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastLines, run } from '../parts/run.ts'
import { type Sdk, suiteOf } from '../parts/sdk-suites.ts'

/** What became of a test, by its id: `tests/…::TestChat::test_method_create[strict]`. */
export type Outcomes = ReadonlyMap<string, Outcome>

export interface Outcome {
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Of a failure: its message. */
  readonly message: string
}

export interface SuiteOptions {
  readonly sdk: Sdk
  /** Files and folders below the SDK's own. */
  readonly paths: readonly string[]
  readonly without?: readonly string[]
  /** As pytest's `-k` takes it. */
  readonly choose: string
  /** Base URL for the SDK. */
  readonly url: string
  readonly key: string
  /** Of a mock that the tests give their answers to. */
  readonly answers?: string
}

/** Runs the own tests of an SDK against an address. Rejects when they could not be run at all. */
export const runSuite = async (options: SuiteOptions): Promise<Outcomes> => {
  const { sdk, paths, without = [], choose, url, key, answers } = options
  const { folder, python } = suiteOf(sdk)
  const home = await mkdtemp(join(tmpdir(), 'postern-suite-'))
  const file = join(home, 'outcomes.json')
  const ignored = without.map((path) => `--ignore=${path}`)
  const plugins = ['-p', 'suite_plugin', '-p', 'no:cacheprovider']
  const args = ['-m', 'pytest', ...paths, ...ignored, ...plugins, '-n', '2', '-q', '-k', choose]
  try {
    const { stdout, stderr } = await run(python, args, {
      cwd: folder,
      env: {
        FIELD_KEY: key,
        FIELD_OUTCOMES: file,
        ...(answers !== undefined && { FIELD_ANSWERS: answers }),
        TEST_API_BASE_URL: url,
        PYTHONPATH: import.meta.dirname,
        PYTHONDONTWRITEBYTECODE: '1',
        NO_PROXY: '*',
      },
    })
    const outcomes = await readFile(file, 'utf8').catch(() => {
      throw new Error(`pytest of ${sdk}:\n${lastLines(`${stdout}\n${stderr}`, 30)}`)
    })
    return new Map(Object.entries(JSON.parse(outcomes) as Record<string, Outcome>))
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/** Every name of a model that the tests of an SDK use, those among them that they take from the SDK itself. */
export const modelsIn = async (sdk: Sdk): Promise<readonly string[]> => {
  const { folder } = suiteOf(sdk)
  const names = new Set<string>()
  const collect = async (place: string, pattern: RegExp): Promise<void> => {
    const files = await readdir(place, { recursive: true })
    for (const file of files.filter((name) => name.endsWith('.py'))) {
      const text = await readFile(join(place, file), 'utf8')
      for (const [, name = ''] of text.matchAll(pattern)) names.add(name)
    }
  }
  await collect(join(folder, 'tests/api_resources'), /\bmodel(?:_id)?"?\s*[=:]\s*"([^"]+)"/g)
  await collect(join(folder, 'src', sdk), /"(claude-[\w.-]+)"/g)
  return [...names]
}

/** Ids of tests that pass in the first and not in the second. */
export const differences = (direct: Outcomes, through: Outcomes): readonly string[] =>
  [...direct]
    .filter(([id, { outcome }]) => outcome === 'passed' && through.get(id)?.outcome !== 'passed')
    .map(([id]) => id)
    .toSorted((a, b) => a.localeCompare(b))
