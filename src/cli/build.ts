/** `npm run build`, after the compiler: copies what it does not, the migrations. */
import { cp } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)
const path = (relative: string): string => fileURLToPath(new URL(relative, root))

await cp(path('src/store/migrations'), path('dist/src/store/migrations'), { recursive: true })
