import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder } from './part.ts'
import { must } from './run.ts'

const recipe = 's3rver@3.7.1'
const folder = () => join(partsFolder(), 's3rver')

/** An object store that checks signatures as S3 does. */
export const s3rver: Part = {
  name: 's3rver',
  version: '3.7.1',
  find: () =>
    isComplete(folder(), recipe)
      ? { path: join(folder(), 'node_modules', '.bin', 's3rver') }
      : { missing: 'not installed; `npm run test:parts` brings it' },
  install: async (say) => {
    await mkdir(folder(), { recursive: true })
    await writeFile(join(folder(), 'package.json'), '{ "private": true }')
    const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await must('npm', ['install', ...quietly, recipe], { cwd: folder(), say })
    await complete(folder(), recipe)
  },
}
