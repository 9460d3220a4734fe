/** `npm run build`, after the compiler: copies what it does not, the migrations and the files of the dashboard. */
import { cp } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)
const path = (relative: string): string => fileURLToPath(new URL(relative, root))

for (const folder of ['store/migrations', 'dashboard/assets']) {
  await cp(path(`src/${folder}`), path(`dist/src/${folder}`), { recursive: true })
}
