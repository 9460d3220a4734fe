import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder, pathOf } from './part.ts'
import { type Environment, ensureTools, hasEnvironment, makeEnvironment, tool } from './pypi.ts'
import { must } from './run.ts'

/** Versions whose source distributions hold the tests. OpenAI's is the one that its API's description was made for. */
const sdks = { openai: '3.3.1', anthropic: '2.14.0' } as const

export type Sdk = keyof typeof sdks

/** `openai-python 3.3.1`, as documents name it. */
export const versionOf = (sdk: Sdk): string => sdks[sdk]

const environment = (): Environment => ({
  folder: join(partsFolder(), 'sdk-suites'),
  python: '>=3.10',
  requirements: [
    `openai[aiohttp,realtime]==${sdks.openai}`,
    `anthropic[aiohttp]==${sdks.anthropic}`,
    'pytest==9.2.0',
    'pytest-asyncio==1.5.0',
    'pytest-xdist==3.8.0',
    'rich==15.0.0',
    // What their test modules import.
    'dirty-equals==0.11',
    'http-snapshot==0.1.9',
    'inline-snapshot==0.36.1',
    'respx==0.23.1',
    'standardwebhooks==1.1.0',
    'time-machine==3.6.0',
  ],
})

const sources = () => join(partsFolder(), 'sdk-sources')
const requirements = Object.entries(sdks).map(([name, version]) => `${name}==${version}`)

/** The own tests of OpenAI's and Anthropic's Python SDKs, and a Python that runs them. */
export const sdkSuites: Part = {
  name: 'sdk-suites',
  version: requirements.join(' '),
  find: () =>
    hasEnvironment(environment()) && isComplete(sources(), requirements.join(' '))
      ? { path: sources() }
      : { missing: 'not installed; `npm run test:parts` brings them' },
  install: async (say) => {
    await makeEnvironment(environment(), say)
    await ensureTools(say)
    await mkdir(sources(), { recursive: true })
    // The wheels hold no tests. pip asks each source for its name, for which it has to be built in part.
    const asSources = ['download', '--quiet', '--no-deps', '--no-binary', ':all:', '--dest']
    await must(tool('pip'), [...asSources, sources(), ...requirements], { say })
    for (const [name, version] of Object.entries(sdks)) {
      await must('tar', ['-xzf', `${name}-${version}.tar.gz`], { cwd: sources(), say })
    }
    await complete(sources(), requirements.join(' '))
  },
}

/** Where the tests of an SDK are, and the Python to run them with. */
export const suiteOf = (sdk: Sdk): { readonly folder: string; readonly python: string } => ({
  folder: join(pathOf(sdkSuites), `${sdk}-${sdks[sdk]}`),
  python: join(environment().folder, 'bin', 'python'),
})
