import { parseText } from '../../adapter/node/config-file.ts'
import { removeAt, setAt } from '../../config/edit.ts'
import type { Json, Problem } from '../../config/problem.ts'
import { valueAt } from '../../config/read/remainder.ts'
import { readSource } from '../../config/read/source.ts'

export interface ImportOptions {
  readonly mode: 'local' | 'serve' | 'both'
  /** Where the result will lie: relative `file:` references count from there. */
  readonly path: string
}

export interface Imported {
  /** The configuration for Postern, comments kept. */
  readonly text: string
  readonly understood: readonly { readonly section: string; readonly detail: string }[]
  readonly renamed: readonly { readonly from: string; readonly to: string }[]
  /** In the file still, and without effect. */
  readonly withoutEffect: readonly string[]
  /** What stands in the way of starting with it, or deserves a look. */
  readonly problems: readonly Problem[]
}

/**
 * Makes a configuration of Aperture's into one of Postern's. It would load as it is; this moves what is deprecated to
 * where it belongs, says who comes by which door, and tells what became of each part.
 * @throws Error when the text is no HuJSON
 */
export const importAperture = (text: string, { mode, path }: ImportOptions): Imported => {
  const { value, findings } = readSource(text)
  if (value === undefined || findings.some(({ severity }) => severity === 'error')) {
    throw new Error(findings[0]?.message ?? 'the file is no HuJSON')
  }
  const { text: moved, renamed } = move(text)
  const made = withDoor(moved, mode)
  const { problems } = parseText(path, made)
  const idle = problems.filter(({ message }) => message.endsWith(withoutEffect))
  return {
    text: made,
    understood: sections(moved).filter(
      ({ section }) => !idle.some(({ path: at }) => at === section),
    ),
    renamed,
    withoutEffect: idle.map((problem) => problem.path),
    problems: problems.filter((problem) => !idle.includes(problem)),
  }
}

const withoutEffect = 'has no effect in this version'

/** Grants that the gateway's own file must not have a `dst` in, and the old name of the section. */
const move = (text: string): Pick<Imported, 'text' | 'renamed'> => {
  const renamed: Imported['renamed'][number][] = []
  let result = text
  const old = list(text, 'temp_grants')
  const known = list(text, 'grants').length
  for (const [index, grant] of old.entries()) {
    result = setAt(result, ['grants', known + index], grant)
    renamed.push({ from: `temp_grants[${index}]`, to: `grants[${known + index}]` })
  }
  if (has(text, 'temp_grants')) result = removeAt(result, ['temp_grants'])
  for (const [index, grant] of list(result, 'grants').entries()) {
    for (const key of ['dst', 'ip']) {
      if (!isObject(grant) || !(key in grant)) continue
      result = removeAt(result, ['grants', index, key])
      renamed.push({
        from: `grants[${index}].${key}`,
        to: 'left out: it belongs to the tailnet policy',
      })
    }
  }
  return { text: result, renamed }
}

/** Aperture is a node of the tailnet itself; here tailscaled leads to us. */
const withDoor = (text: string, mode: ImportOptions['mode']): string => {
  if (has(text, 'mode') || mode === 'local') return text
  return setAt(setAt(text, ['mode'], mode), ['front'], 'tailscale')
}

const parsed = (text: string): Json => readSource(text).value ?? null

const has = (text: string, key: string): boolean => valueAt(parsed(text), [key]) !== undefined

const list = (text: string, key: string): readonly Json[] => {
  const value = valueAt(parsed(text), [key])
  return Array.isArray(value) ? value : []
}

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const sections = (text: string): Imported['understood'] => {
  const root = parsed(text)
  if (!isObject(root)) return []
  return Object.entries(root).map(([section, value]) => ({ section, detail: sizeOf(value) }))
}

const sizeOf = (value: Json): string => {
  if (Array.isArray(value)) return `${value.length} ${value.length === 1 ? 'entry' : 'entries'}`
  if (!isObject(value)) return JSON.stringify(value)
  const keys = Object.keys(value)
  return keys.length > 6 ? `${keys.length} entries` : keys.join(', ')
}
