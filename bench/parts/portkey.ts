import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder } from '../../test/support/parts/part.ts'
import { must } from '../../test/support/parts/run.ts'

const version = '1.15.2'
const requirement = `@portkey-ai/gateway@${version}`
const folder = () => join(partsFolder(), `bench-portkey-${version}`)

export const portkeyPart: Part = {
  name: 'portkey',
  version,
  find: () =>
    isComplete(folder(), requirement)
      ? {
          path: join(
            folder(),
            'node_modules',
            '@portkey-ai',
            'gateway',
            'build',
            'start-server.js',
          ),
        }
      : { missing: 'not there; `node bench/setup.ts` brings it' },
  install: async (say) => {
    await mkdir(folder(), { recursive: true })
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder()]
    await must('npm', ['install', ...quiet, requirement], { say })
    await complete(folder(), requirement)
  },
}
