import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder } from '../../test/support/parts/part.ts'
import { must } from '../../test/support/parts/run.ts'

const recipe = 'nginx from Debian, unpacked'
const folder = () => join(partsFolder(), 'nginx-debian')
const unpacked = () => join(folder(), 'usr', 'sbin', 'nginx')
const system = '/usr/sbin/nginx'

/** nginx of the system; unpacked and not installed where there is none, as an installed one would start by itself. */
export const nginx: Part = {
  name: 'nginx',
  version: 'from the system',
  find: () => {
    if (existsSync(system)) return { path: system }
    return isComplete(folder(), recipe)
      ? { path: unpacked() }
      : { missing: 'not there; `node bench/setup.ts` brings it on Debian' }
  },
  install: async (say) => {
    await mkdir(folder(), { recursive: true })
    await must('apt-get', ['update', '-qq'], { say })
    await must('apt-get', ['download', '-qq', 'nginx'], { cwd: folder(), say })
    const file = (await readdir(folder())).find((name) => name.endsWith('.deb')) ?? ''
    await must('dpkg', ['-x', join(folder(), file), folder()], { say })
    await must(unpacked(), ['-v'])
    await complete(folder(), recipe)
  },
}
