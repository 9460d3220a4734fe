import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, partsFolder, type Say } from './part.ts'
import { must, run } from './run.ts'

/** uv because it takes seconds where pip takes minutes, and because it can leave a dependency out (`--overrides`). */
const uvVersion = '0.13.9'
const buildTools = [`uv==${uvVersion}`, 'cmake==4.4.4', 'ninja==1.13.2']

/** The newest first; Open WebUI takes no Python outside this range. */
const pythons = ['python3.12', 'python3.11', 'python3']

const toolsFolder = () => join(partsFolder(), 'tools')

/** A program of the tools environment: `pip`, `uv`, `cmake`, `ninja`. */
export const tool = (name: string): string => join(toolsFolder(), 'bin', name)

const works = async (python: string): Promise<boolean> => {
  const program = 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))'
  return (await run(python, ['-c', program]).catch(() => undefined))?.code === 0
}

/** A Python 3.11 or 3.12 that can make virtual environments. Rejects with what to install. */
export const findPython = async (): Promise<string> => {
  for (const python of pythons) if (await works(python)) return python
  throw new Error('no Python 3.11 or 3.12 with venv found (Debian: apt-get install python3-venv)')
}

/** Brings pip, uv, cmake and ninja into an environment of their own. */
export const ensureTools = async (say: Say): Promise<void> => {
  const recipe = buildTools.join(' ')
  if (isComplete(toolsFolder(), recipe)) return
  say(`tools: ${recipe}`)
  await must(await findPython(), ['-m', 'venv', '--clear', toolsFolder()], { say })
  await must(tool('pip'), ['install', '--quiet', ...buildTools], { say })
  await complete(toolsFolder(), recipe)
}

const uv = async (args: readonly string[], say: Say) => {
  await ensureTools(say)
  // The cache stands beside what is made from it, so that files are hard links and take their space once.
  const env = {
    UV_CACHE_DIR: join(partsFolder(), 'uv-cache'),
    UV_PYTHON_DOWNLOADS: 'never',
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
  const { folder, requirements, without = [] } = environment
  if (hasEnvironment(environment)) return
  const python = join(folder, 'bin', 'python')
  await ensureTools(say)
  if (!existsSync(python)) await uv(['venv', '--python', await findPython(), folder], say)
  const overrides = join(partsFolder(), 'overrides.txt')
  const never = without.map((name) => `${name} ; python_version < '3'\n`)
  await writeFile(overrides, never.join(''))
  await uv(['pip', 'install', '--python', python, '--overrides', overrides, ...requirements], say)
  await complete(folder, recipeOf(environment))
}
