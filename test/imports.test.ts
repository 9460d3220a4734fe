import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const src = join(root, 'src')

/** Value files of rank 0: shapes that every stage may name, wherever they live. */
const values = new Set([
  'platform.ts', // the port itself
  'answer/answer.ts', // how an answer is read, and what is known of it while it passes
  'admin/act.ts', // what an admin did, and what the store keeps of it
  'admin/questions.ts', // what pages and the API ask the store
  'capture/captured.ts', // what is kept of bodies, and for how long
  'dialect/resources.ts', // what providers keep for an account, and the configuration grants
  'doctor/machine.ts', // what a host finds out about itself, and the doctor reads
  'identity/caller.ts', // what authentication proves, read by every later stage
  'identity/api-key.ts', // what the store keeps and authentication looks up
  'identity/failure.ts', // why there is no caller, counted by the limiter
  'upstream/upstream.ts', // what the proxy sends and the registry knows
  'responses/stored-response.ts', // whose a response is that a provider keeps, and the store knows
  'usage/figures.ts', // what is asked of the ledger, and what it answers
  'usage/row.ts', // what the meter writes and the store keeps
  'export/state.ts', // how far an exporter is, and what the store keeps of it
  'quota/balance.ts', // what the ledger of quotas writes and the store keeps
  'ratelimit/ban.ts', // what the limiter writes and the store keeps
  'metrics/family.ts', // what a host counts, and the page of metrics shows
])

/** Folder → rank, with the reason for it. A folder imports from lower ranks, and from itself. */
const ranks: Readonly<Record<string, number>> = {
  http: 1, // HTTP's own vocabulary: knows no stage
  dialect: 1, // wire formats of models: pure functions over bytes and parsed events
  store: 1, // queries: take the database, know no request
  config: 1, // the file: knows no stage
  tailscale: 1, // shapes of the LocalAPI
  answer: 1.2, // the one reading of an answer: pure functions over bytes, for all that see one pass
  prices: 1.5, // what models cost: asked by the ledger, quotas, hooks and the API
  tokens: 1.5, // what nobody counted: asked by the ledger and by quotas
  capture: 1.5, // keeps bodies where a grant says so: told how to read and to redact them
  identity: 2, // stage 5
  ratelimit: 2, // stages 4, 6, 7
  policy: 2, // stage 9
  upstream: 2, // stages 8 and 11
  proxy: 2, // stages 8 and 12
  usage: 2, // stage 13
  quota: 2, // stage 10
  hooks: 2, // between stages 10 and 11, and after the answer
  responses: 2, // between stages 9 and 11: what providers keep, and whose it is
  export: 2, // copies the ledger elsewhere
  admin: 2, // JSON API over the stores
  metrics: 2, // counts beside stages 2, 12 and 13
  doctor: 2.5, // looks at what the stages are set up with; none of them knows it
  dashboard: 2, // pages over the admin queries
  '': 3, // app.ts and state.ts join the stages
  adapter: 4, // the only code that knows a runtime
  cli: 4, // the same
}

/** Imports within one rank that are part of the design. */
const within = new Set([
  'dashboard → admin', // pages are made of the admin queries
  'http → dialect', // errors are written in the dialect of the path
  'dialect → http', // and dialects refuse bodies with the errors of http
  'http → config', // a request carries its listener's declaration
  'tailscale → config', // what tailscaled does is held against mode and listeners
  'cli → adapter', // commands run the Node host
])

/** Who else writes what says who may do what, and why that is no act of a person that goes unrecorded. */
const writing: Readonly<Record<string, string>> = {
  'adapter/node/ledger/apply.ts → actStatements': 'the door of the API: acts with their audit',
  'adapter/node/ledger/apply.ts → upsertBan': 'automatic bans, which are in the list of bans',
  'adapter/node/ledger/apply.ts → insertCapture': 'what a grant keeps of bodies',
  'adapter/node/ledger/apply.ts → touchKey': 'when a key was last used',
  'adapter/node/ledger/apply.ts → changeStatements': 'budgets as the configuration defines them',
  'adapter/node/ledger/apply.ts → chargeStatements': 'what requests cost',
  'adapter/node/ledger/watch.ts → deleteLapsed': 'forgets bans that lapsed long ago',
  'adapter/node/ledger/purge.ts → purgeCaptures': 'deletes captures when their time is over',
  'adapter/node/backup/restore.ts → insertAudit':
    'the act itself, in the copy that takes the place',
  'adapter/workers/store.ts → actStatements': 'the door of the API, on Workers',
  'adapter/workers/store.ts → upsertBan': 'automatic bans',
  'adapter/workers/store.ts → insertCapture': 'what a grant keeps of bodies',
  'adapter/workers/store.ts → purgeCaptures': 'deletes captures when their time is over',
  'adapter/workers/store.ts → touchKey': 'when a key was last used',
  'adapter/workers/store.ts → changeStatements': 'budgets as the configuration defines them',
  'adapter/workers/store.ts → chargeStatements': 'what requests cost',
  'cli/ledger.ts → actStatements': 'the door of commands, which only cli/act.ts calls',
}

/** Writes a file for a command that records it. */
const unrecorded = new Set(['cli/user/edit.ts'])

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'))

const importsOf = (file: string): string[] => {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '')
}

/** What a file runs when it is loaded: not types, and not what it loads later. */
const valuesFrom = (file: string): string[] => {
  const text = readFileSync(join(src, file), 'utf8')
  const found = text.matchAll(/^(?:import|export)\s(?!type\b)[^'"]*?from\s'(\.[^']+\.ts)'/gm)
  return [...found].map((match) => targetOf(file, match[1] ?? ''))
}

const targetOf = (file: string, specifier: string): string =>
  relative(src, join(src, dirname(file), specifier)).replaceAll('\\', '/')

const folderOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : '')
const rankOf = (file: string): number =>
  values.has(file) ? 0 : (ranks[folderOf(file)] ?? Number.NaN)

const textOf = (file: string): string => readFileSync(join(src, file), 'utf8')

/** Tables that say who may do what, and what was done. */
const guarded = /^store\/(?:audit|bans|browsers|captures|changes|config-versions|keys|quotas)\.ts$/

/** What these files export that writes: it inserts, updates or deletes, or calls what does. */
const writersIn = (guardedFiles: readonly string[]): ReadonlySet<string> => {
  const bodies = guardedFiles.flatMap((file) => textOf(file).split(/^(?=(?:export )?const )/m))
  const found = new Set<string>()
  const isWriter = (body: string): boolean =>
    /\.(?:insert|update|delete)\(|\b(?:INSERT INTO|UPDATE|DELETE FROM) [$\w]/.test(body) ||
    [...found].some((name) => new RegExp(`\\b${name}[([,)]`).test(body))
  for (let size = -1; size !== found.size; ) {
    size = found.size
    for (const body of bodies.filter(isWriter)) {
      const name = /^(?:export )?const (\w+)/.exec(body)?.[1]
      if (name !== undefined) found.add(name)
    }
  }
  return found
}

const writers = writersIn(files.filter((file) => guarded.test(file)))

/** Names that a file takes out of the store, when it is loaded or later. */
const fromStore = (file: string): string[] => {
  const text = textOf(file)
  const taken = [
    ...text.matchAll(/import \{([^}]*)\} from '[^']*\/store\/[^']+'/g),
    ...text.matchAll(/const \{([^}]*)\} = await import\('[^']*\/store\/[^']+'\)/g),
  ]
  return taken.flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
}

describe('imports', () => {
  it('knows the rank of every folder', () => {
    expect(files.filter((file) => Number.isNaN(rankOf(file)))).toEqual([])
  })

  it('go one way: to lower ranks, or stay in their folder', () => {
    const wrong: string[] = []
    for (const file of files) {
      for (const specifier of importsOf(file)) {
        if (!specifier.startsWith('.')) continue
        const target = targetOf(file, specifier)
        if (target.startsWith('..') || folderOf(target) === folderOf(file)) continue
        if (rankOf(target) < rankOf(file) || values.has(target)) continue
        if (within.has(`${folderOf(file)} → ${folderOf(target)}`)) continue
        wrong.push(`${file} → ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('lead nowhere in a circle, but for types', () => {
    const circles: string[] = []
    const done = new Set<string>()
    const follow = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
        return
      }
      if (done.has(file)) return
      for (const target of valuesFrom(file)) follow(target, [...path, file])
      done.add(file)
    }
    for (const file of files) follow(file, [])
    expect(circles).toEqual([])
  })

  it('write keys, bans, browsers, budgets and the audit through acts, but for what is named here', () => {
    expect([...writers]).toEqual(
      expect.arrayContaining(['insertKey', 'deleteBan', 'actStatements']),
    )
    const found = files
      .filter((file) => folderOf(file) !== 'store')
      .flatMap((file) => fromStore(file).map((name) => `${file} → ${name}`))
      .filter((line) => writers.has(line.split(' → ')[1] ?? ''))
    expect(new Set(found)).toEqual(new Set(Object.keys(writing)))
  })

  it('change the configuration from a command only where the act is recorded', () => {
    const changing =
      /\b(?:writeConfig|writeUser|replaceSigningKey)\b|\{[^}]*\b(?<!type )(?:open|close)\b[^}]*\} from '[^']*expose\/change\.ts'|backup\/restore\.ts'/
    const recording = /\b(?:changeFile|act|actOf)\b[^\n]*from '\.{1,2}\/act\.ts'/
    const wrong = files
      .filter((file) => folderOf(file) === 'cli' && !unrecorded.has(file))
      .filter((file) => changing.test(textOf(file)) && !recording.test(textOf(file)))
    expect(wrong).toEqual([])
  })

  it('name a runtime only in adapters and commands', () => {
    const runtime = /^(?:node:|cloudflare:|undici$|@hono\/node-server|sonic-boom$|commander$)/
    const wrong = files
      .filter((file) => rankOf(file) < 4)
      .flatMap((file) => importsOf(file).map((specifier) => `${file} → ${specifier}`))
      .filter((line) => runtime.test(line.split(' → ')[1] ?? ''))
    expect(wrong).toEqual([])
  })

  it('reach no clock, no randomness and no network past the platform', () => {
    const forbidden =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|(?<![.\w])fetch\(|crypto\.(?:randomUUID|getRandomValues)/
    const wrong = files
      .filter((file) => rankOf(file) < 4)
      .filter((file) => forbidden.test(readFileSync(join(src, file), 'utf8')))
    expect(wrong).toEqual([])
  })
})
