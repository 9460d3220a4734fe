import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { complete, isComplete, type Part, partsFolder, pathOf } from './part.ts'
import { type Environment, hasEnvironment, makeEnvironment } from './pypi.ts'
import { must } from './run.ts'

const source = (name: string) => fileURLToPath(new URL(`../readers/${name}`, import.meta.url))

const environment = (): Environment => ({
  folder: join(partsFolder(), 'readers'),
  python: '>=3.9',
  requirements: [
    'starlette==1.10.0',
    'python-multipart==0.0.34',
    'werkzeug==3.1.9',
    'pydantic==2.14.4',
  ],
})

/** Python with the form parsers that model servers are made with. */
export const pythonReaders: Part = {
  name: 'python-readers',
  version: environment().requirements.join(' '),
  find: () =>
    hasEnvironment(environment())
      ? { path: join(environment().folder, 'bin', 'python') }
      : { missing: 'not installed; `npm run test:parts` brings them' },
  install: (say) => makeEnvironment(environment(), say),
}

const goFolder = () => join(partsFolder(), 'go-reader')
const recipe = () => readFileSync(source('reader.go'), 'utf8')

/** Go's own parsers, as a program. */
export const goReader: Part = {
  name: 'go-reader',
  version: 'built from test/support/readers/reader.go',
  find: () =>
    isComplete(goFolder(), recipe())
      ? { path: join(goFolder(), 'reader') }
      : { missing: 'not built; `npm run test:parts` builds it' },
  install: async (say) => {
    await complete(goFolder(), '')
    const output = join(goFolder(), 'reader')
    await must('go', ['build', '-o', output, source('reader.go')], {
      say,
      env: { GO111MODULE: 'off' },
    })
    await complete(goFolder(), recipe())
  },
}

/** What a parser found in a body. */
export interface Found {
  readonly error?: string
  readonly model?: string | null
  readonly stream?: boolean | null
  readonly max_tokens?: number | null
  readonly n?: number | null
  readonly api_base?: string | null
  readonly fields?: Readonly<Record<string, readonly string[]>>
  readonly files?: Readonly<Record<string, readonly string[]>>
}

export interface Reader {
  readonly name: string
  read(kind: 'json' | 'form', contentType: string, body: Uint8Array): Promise<Found>
  stop(): void
}

/** Starts a reader that answers one line for each. */
const startReader = (name: string, command: string, args: readonly string[]): Reader => {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting: ((found: Found) => void)[] = []
  createInterface({ input: child.stdout! }).on('line', (line) => {
    waiting.shift()?.(JSON.parse(line) as Found)
  })
  return {
    name,
    read: (kind, contentType, body) =>
      new Promise((resolve) => {
        waiting.push(resolve)
        const line = { kind, contentType, body: Buffer.from(body).toString('base64') }
        child.stdin?.write(`${JSON.stringify(line)}\n`)
      }),
    stop: () => void child.kill(),
  }
}

/** The parsers of the servers that stand behind gateways. */
export const startReaders = (): readonly Reader[] => [
  startReader('Go', pathOf(goReader), []),
  startReader('Starlette', pathOf(pythonReaders), [source('reader.py'), 'starlette']),
  startReader('Werkzeug', pathOf(pythonReaders), [source('reader.py'), 'werkzeug']),
]
