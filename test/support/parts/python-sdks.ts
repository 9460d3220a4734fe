import { join } from 'node:path'
import { type Part, partsFolder, pathOf } from './part.ts'
import { type Environment, hasEnvironment, makeEnvironment } from './pypi.ts'
import { must } from './run.ts'

const environment = (): Environment => ({
  folder: join(partsFolder(), 'python-sdks'),
  python: '>=3.9',
  requirements: ['openai==2.54.0', 'anthropic==0.125.0', 'google-genai==3.6.1', 'ollama==0.6.3'],
})

/** Python with the official packages of OpenAI, Anthropic, Google and Ollama. */
export const pythonSdks: Part = {
  name: 'python-sdks',
  version: environment().requirements.join(' '),
  find: () =>
    hasEnvironment(environment())
      ? { path: join(environment().folder, 'bin', 'python') }
      : { missing: 'not installed; `npm run test:parts` brings them' },
  install: (say) => makeEnvironment(environment(), say),
}

/** Runs a Python program beside the SDKs and answers what it printed. Rejects with its traceback. */
export const python = async (program: string, env: NodeJS.ProcessEnv): Promise<string> => {
  const options = { env, input: program, within: 60_000 }
  return (await must(pathOf(pythonSdks), ['-'], options)).stdout
}
