import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder, pathOf } from './part.ts'
import { freePort } from './port.ts'
import { must } from './run.ts'
import { type Server, startServer } from './server.ts'

const version = '0.22.2'
const folder = () => join(partsFolder(), `steady-${version}`)
/** Not the script that starts it: who ends that one leaves the server behind. */
const program = () =>
  join(
    folder(),
    'node_modules',
    '@stdy',
    `cli-${process.platform}-${process.arch}`,
    'bin',
    'steady',
  )

/** The mock server that OpenAI's SDKs are tested against: it answers from an API's description, and checks requests. */
export const steady: Part = {
  name: 'steady',
  version,
  find: () =>
    isComplete(folder(), version)
      ? { path: program() }
      : { missing: 'not installed; `npm run test:parts` brings it' },
  install: async (say) => {
    await mkdir(folder(), { recursive: true })
    await writeFile(join(folder(), 'package.json'), '{ "private": true }')
    const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await must('npm', ['install', ...quietly, `@stdy/cli@${version}`], { cwd: folder(), say })
    await complete(folder(), version)
  },
}

/** Starts it on a description, with the array formats that the SDKs write. */
export const startSteady = async (description: string): Promise<Server> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const formats = ['query-array', 'form-array', 'query-object', 'form-object'].map(
    (what) => `--validator-${what}-format=brackets`,
  )
  return startServer({
    name: 'steady',
    command: pathOf(steady),
    args: ['--host', '127.0.0.1', '--port', String(port), ...formats, description],
    url,
    ready: `${url}/_x-steady/health`,
    within: 60_000,
  })
}
