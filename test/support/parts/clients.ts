import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder } from './part.ts'
import { type Environment, hasEnvironment, makeEnvironment } from './pypi.ts'
import { must } from './run.ts'

/** Client libraries from npm, each at the version that docs/compatibility.md names. */
export const npmClients = {
  '@ai-sdk/anthropic': '4.0.105',
  '@ai-sdk/google': '4.0.121',
  '@ai-sdk/openai': '4.0.118',
  '@ai-sdk/openai-compatible': '3.0.92',
  '@anthropic-ai/sdk': '1.14.0',
  '@google/genai': '3.3.0',
  '@langchain/anthropic': '1.5.11',
  '@langchain/core': '1.4.0',
  '@langchain/ollama': '1.3.0',
  '@langchain/openai': '1.6.0',
  ai: '7.0.173',
  ollama: '0.6.4',
  openai: '7.59.0',
  zod: '4.6.7',
} as const

/** The same from PyPI. LlamaIndex needs an older version of OpenAI's SDK than the others, so it has a Python of its own. */
export const pypiClients = {
  'pypi-clients': {
    anthropic: '2.14.0',
    'google-genai': '3.6.1',
    'langchain-anthropic': '1.7.10',
    'langchain-ollama': '1.1.0',
    'langchain-openai': '1.7.4',
    litellm: '1.110.2',
    llm: '0.36',
    ollama: '0.6.3',
    openai: '3.57.0',
    'openai-agents': '0.24.0',
    'pydantic-ai-slim': '2.68.0',
  },
  'llama-index': {
    'llama-index-embeddings-openai-like': '0.4.0',
    'llama-index-llms-openai-like': '0.8.1',
  },
} as const

const folder = () => join(partsFolder(), 'npm-clients')
const recipe = Object.entries(npmClients)
  .map(([name, version]) => `${name}@${version}`)
  .join(' ')

/** A folder whose `node_modules` has the client libraries from npm. */
export const javascriptClients: Part = {
  name: 'npm-clients',
  version: 'see docs/compatibility.md',
  find: () =>
    isComplete(folder(), recipe)
      ? { path: folder() }
      : { missing: 'not installed; `npm run test:parts` brings them' },
  install: async (say) => {
    await mkdir(folder(), { recursive: true })
    const text = JSON.stringify({ private: true, type: 'module', dependencies: npmClients })
    await writeFile(join(folder(), 'package.json'), text)
    const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await must('npm', ['install', ...quietly], { cwd: folder(), say })
    await complete(folder(), recipe)
  },
}

const environment = (name: keyof typeof pypiClients): Environment => ({
  folder: join(partsFolder(), name),
  python: '>=3.10',
  requirements: Object.entries(pypiClients[name]).map(([each, version]) => `${each}==${version}`),
})

const partOf = (name: keyof typeof pypiClients): Part => ({
  name,
  version: 'see docs/compatibility.md',
  find: () =>
    hasEnvironment(environment(name))
      ? { path: join(environment(name).folder, 'bin') }
      : { missing: 'not installed; `npm run test:parts` brings it' },
  install: (say) => makeEnvironment(environment(name), say),
})

/** Folders of a Python with the client libraries from PyPI. */
export const pythonClients = partOf('pypi-clients')
export const llamaIndex = partOf('llama-index')
