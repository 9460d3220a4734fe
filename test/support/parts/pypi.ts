import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, partsFolder, type Say } from './part.ts'
import { aptInstall, must, run } from './run.ts'

/** uv because it takes seconds where pip takes minutes, and because it can leave a dependency out (`--overrides`). */
const uvVersion = '0.13.9'
const buildTools = [`uv==${uvVersion}`, 'cmake==4.4.4', 'ninja==1.13.2']

const toolsFolder = () => join(partsFolder(), 'tools')

/** A program of the tools environment: `pip`, `uv`, `cmake`, `ninja`. */
export const tool = (name: string): string => join(toolsFolder(), 'bin', name)

/** Debian's Python comes without the module that makes environments. */
const ensureVenv = async (say: Say): Promise<void> => {
  const tried = await run('python3', ['-c', 'import venv, ensurepip']).catch(() => undefined)
  if (tried?.code === 0) return
  await aptInstall(['python3-venv'], say)
}

/** Brings pip, uv, cmake and ninja into an environment of their own. */
export const ensureTools = async (say: Say): Promise<void> => {
  const recipe = buildTools.join(' ')
  if (isComplete(toolsFolder(), recipe)) return
  say(`tools: ${recipe}`)
  await ensureVenv(say)
  await must('python3', ['-m', 'venv', '--clear', toolsFolder()], { say })
  await must(tool('pip'), ['install', '--quiet', ...buildTools], { say })
  await complete(toolsFolder(), recipe)
}

const uv = async (args: readonly string[], say: Say) => {
  await ensureTools(say)
  // The cache stands beside what is made from it, so that files are hard links and take their space once.
  const env = {
    UV_CACHE_DIR: join(partsFolder(), 'uv-cache'),
    UV_HTTP_TIMEOUT: '180',
  }
  await must(tool('uv'), args, { env, say })
}

/** Puts the files of one package, without its dependencies, into `folder`. */
export const unpackPackage = async (folder: string, requirement: string, say: Say) => {
  if (isComplete(folder, requirement)) return
  await uv(['pip', 'install', '--no-deps', '--target', folder, requirement], say)
  await complete(folder, requirement)
}

export interface Environment {
  readonly folder: string
  readonly requirements: readonly string[]
  /** Versions of Python it runs on, as in `>=3.11,<3.13`. */
  readonly python: string
  /** Packages to leave out although something asks for them. */
  readonly without?: readonly string[]
}

const recipeOf = (environment: Environment) =>
  [...environment.requirements, ...(environment.without ?? []).map((name) => `-${name}`)].join(' ')

/** Whether the virtual environment is there, whole and as described. */
export const hasEnvironment = (environment: Environment): boolean =>
  isComplete(environment.folder, recipeOf(environment))

/** Makes a virtual environment. Downloads are kept, so a broken-off run goes on with what is missing. */
export const makeEnvironment = async (environment: Environment, say: Say): Promise<void> => {
  const { folder, requirements, python: versions, without = [] } = environment
  if (hasEnvironment(environment)) return
  const python = join(folder, 'bin', 'python')
  await ensureTools(say)
  if (!existsSync(python)) await uv(['venv', '--python', versions, folder], say)
  const overrides = join(partsFolder(), 'overrides.txt')
  const never = without.map((name) => `${name} ; python_version < '3'\n`)
  await writeFile(overrides, never.join(''))
  await uv(['pip', 'install', '--python', python, '--overrides', overrides, ...requirements], say)
  await complete(folder, recipeOf(environment))
}
