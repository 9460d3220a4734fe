/**
 * `npm run build`: everything that `postern` is, libraries included, in a few files below dist/. Read as the thousand files
 * they are, they take twice as long to start and half as much memory again (docs/decisions/061).
 */
import { cp, glob, readFile, rm } from 'node:fs/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const root = new URL('../../', import.meta.url)
const path = (name: string): string => fileURLToPath(new URL(name, root))

/** The command, and what runs in a thread or a process of its own. */
const entries = [
  'cli/main',
  'adapter/node/store/store.worker',
  'adapter/node/store/reader.worker',
  'adapter/node/secrets/passwords.worker',
  'adapter/node/doctor/quick-check',
]

/** Files are found by where the code that names them lies; in a bundle that code still has to say where it lay. */
const samePlaces: Plugin = {
  name: 'same-places',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path: file }) => {
      const place = relative(path('src'), file).replace(/\.ts$/, '.js')
      const contents = await readFile(file, 'utf8')
      return {
        contents: contents.replaceAll('import.meta.url', `(builtAt + ${JSON.stringify(place)})`),
        loader: 'ts',
      }
    })
  },
}

/** In each file: where dist/src is, and `require` for libraries that still know no import. */
const banner = `import { createRequire } from 'node:module'
const builtAt = import.meta.url.slice(0, import.meta.url.lastIndexOf('/dist/src/') + '/dist/src/'.length)
const require = createRequire(import.meta.url)`

await rm(path('dist'), { recursive: true, force: true })
await build({
  entryPoints: entries.map((name) => path(`src/${name}.ts`)),
  outbase: path('src'),
  outdir: path('dist/src'),
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  // Half of their bytes; names stay, for what crashes say.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'external',
  // They look for their compiled half beside themselves.
  external: ['@libsql/client', 'libsql'],
  banner: { js: banner },
  plugins: [samePlaces],
  logLevel: 'warning',
})
for (const folder of ['ledger/store/migrations', 'admin/dashboard/assets']) {
  await cp(path(`src/${folder}`), path(`dist/src/${folder}`), { recursive: true })
}

// V8 keeps a text twice as large as its file as soon as one character of it is not Latin-1, and a bundle is one text.
// esbuild escapes those it may, which are not those in tagged templates: there HTML has names for them.
for await (const name of glob('dist/src/{adapter,chunks,cli}/**/*.js', { cwd: path('') })) {
  const found = /.{0,40}[^\u0000-\u007f].{0,40}/u.exec(await readFile(path(name), 'utf8'))?.[0]
  if (found) throw new Error(`${name} holds more than ASCII: ${found}`)
}
