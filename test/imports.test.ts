import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const src = join(root, 'src')

/** The wings, lowest first. A file imports from its own wing and from lower ones: values and types alike, without exceptions. */
const wings: readonly (readonly string[])[] = [
  ['platform'], // what a host supplies, and the words that everybody shares
  ['config'], // the file: knows no request
  ['ledger', 'tailscale'], // what is kept; what tailscaled knows
  ['gateway'], // the path of a request, a folder for each stage
  ['admin'], // for those who run it: API, pages, doctor, metrics
  ['app'], // joins them: every route
  ['adapter'], // the only code that knows a runtime
  ['cli'], // the same
]

/** Who else writes what says who may do what, and why that is not an act of a person that goes unrecorded. */
const writing: Readonly<Record<string, string>> = {
  'adapter/node/ledger/writes.ts → actStatements': 'the door of the API: acts with their audit',
  'adapter/node/ledger/writes.ts → upsertBan': 'automatic bans, which are in the list of bans',
  'adapter/node/ledger/writes.ts → insertCapture': 'what a grant keeps of bodies',
  'adapter/node/ledger/writes.ts → touchKey': 'when a key was last used',
  'adapter/node/ledger/writes.ts → changeStatements': 'budgets as the configuration defines them',
  'adapter/node/ledger/writes.ts → chargeStatements': 'what requests cost',
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

const folderOf = (file: string): string => file.split('/').slice(0, -1).join('/')
const wingOf = (file: string): string => file.split('/')[0] ?? ''
const rankOf = (file: string): number => wings.findIndex((names) => names.includes(wingOf(file)))
const adapters = wings.findIndex((names) => names.includes('adapter'))

/** From where to where, within `src`. */
const edges = files.flatMap((file) =>
  importsOf(file)
    .filter((specifier) => specifier.startsWith('.') && specifier.endsWith('.ts'))
    .map((specifier) => targetOf(file, specifier))
    .filter((target) => !target.startsWith('..'))
    .map((target) => ({ file, target })),
)

/** The folders beside each other through which an import goes: `gateway/http/log/a` to `gateway/usage/b` leads from `gateway/http` to `gateway/usage`. */
const roomsOf = (file: string, target: string): readonly [string, string] | undefined => {
  const [from, to] = [folderOf(file).split('/'), folderOf(target).split('/')]
  const at = from.findIndex((part, index) => part !== to[index])
  if (at < 0 || at >= to.length) return undefined
  return [from.slice(0, at + 1).join('/'), to.slice(0, at + 1).join('/')]
}

/** Paths that lead back to where they began. */
const circlesIn = (next: ReadonlyMap<string, readonly string[]>): string[] => {
  const circles: string[] = []
  const done = new Set<string>()
  const follow = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      circles.push([...path.slice(path.indexOf(name)), name].join(' → '))
      return
    }
    if (done.has(name)) return
    for (const target of next.get(name) ?? []) follow(target, [...path, name])
    done.add(name)
  }
  for (const name of next.keys()) follow(name, [])
  return circles
}

const textOf = (file: string): string => readFileSync(join(src, file), 'utf8')

/** Tables that say who may do what, and what was done. */
const guarded =
  /^ledger\/store\/(?:audit|bans|browsers|captures|changes|config-versions|keys\/keys|quotas)\.ts$/

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
  it('knows every wing', () => {
    const found = readdirSync(src, { withFileTypes: true })
    expect(found.map(({ name }) => name).sort()).toEqual(wings.flat().sort())
  })

  it('go one way: down to a lower wing, or stay in their own', () => {
    const wrong = edges
      .filter(({ file, target }) => wingOf(file) !== wingOf(target))
      .filter(({ file, target }) => rankOf(target) >= rankOf(file))
      .map(({ file, target }) => `${file} → ${target}`)
    expect(wrong).toEqual([])
  })

  it('go one way between the folders of a wing, too', () => {
    const next = new Map<string, string[]>()
    for (const { file, target } of edges) {
      const [from, to] = roomsOf(file, target) ?? []
      if (from === undefined || to === undefined) continue
      next.set(from, [...new Set([...(next.get(from) ?? []), to])])
    }
    expect(circlesIn(next)).toEqual([])
  })

  it('lead nowhere in a circle, but for types', () => {
    expect(circlesIn(new Map(files.map((file) => [file, valuesFrom(file)])))).toEqual([])
  })

  it('write keys, bans, browsers, budgets and the audit through acts, but for what is named here', () => {
    expect([...writers]).toEqual(
      expect.arrayContaining(['insertKey', 'deleteBan', 'actStatements']),
    )
    const found = files
      .filter((file) => !file.startsWith('ledger/store/'))
      .flatMap((file) => fromStore(file).map((name) => `${file} → ${name}`))
      .filter((line) => writers.has(line.split(' → ')[1] ?? ''))
    expect(new Set(found)).toEqual(new Set(Object.keys(writing)))
  })

  it('change the configuration from a command only where the act is recorded', () => {
    const changing =
      /\b(?:writeConfig|writeUser|replaceSigningKey)\b|\{[^}]*\b(?<!type )(?:open|close)\b[^}]*\} from '[^']*expose\/change\.ts'|backup\/restore\.ts'/
    const recording = /\b(?:changeFile|act|actOf)\b[^\n]*from '\.{1,2}\/act\.ts'/
    const wrong = files
      .filter((file) => wingOf(file) === 'cli' && !unrecorded.has(file))
      .filter((file) => changing.test(textOf(file)) && !recording.test(textOf(file)))
    expect(wrong).toEqual([])
  })

  it('name a runtime only in adapters and commands', () => {
    const runtime = /^(?:node:|cloudflare:|undici$|@hono\/node-server|sonic-boom$|commander$)/
    const wrong = files
      .filter((file) => rankOf(file) < adapters)
      .flatMap((file) => importsOf(file).map((specifier) => `${file} → ${specifier}`))
      .filter((line) => runtime.test(line.split(' → ')[1] ?? ''))
    expect(wrong).toEqual([])
  })

  it('reach no clock, no randomness and no network past the platform', () => {
    const forbidden =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|(?<![.\w])fetch\(|crypto\.(?:randomUUID|getRandomValues)/
    const wrong = files
      .filter((file) => rankOf(file) < adapters)
      .filter((file) => forbidden.test(readFileSync(join(src, file), 'utf8')))
    expect(wrong).toEqual([])
  })
})

describe('a folder', () => {
  it('holds no more than one can see at a glance', () => {
    const sizes = new Map<string, number>()
    for (const file of files) sizes.set(folderOf(file), (sizes.get(folderOf(file)) ?? 0) + 1)
    expect([...sizes].filter(([, size]) => size > 15)).toEqual([])
  })
})
