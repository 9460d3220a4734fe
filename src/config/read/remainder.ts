import { formatPath, type Json, type Path } from '../problem.ts'

type JsonObject = { readonly [key: string]: Json }

/**
 * What is left of a document as its bad parts are taken out, so that one mistake does not hide the next. Items of
 * lists move up when one before them goes; `original` says where they stood in the file.
 */
export class Remainder {
  value: Json
  /** For each list that lost items, by its path in the file: the file's indexes of those that stayed. */
  readonly #kept = new Map<string, readonly number[]>()

  constructor(root: Json) {
    this.value = root
  }

  /** From a path into `value` to the same place in the file. */
  original(path: Path): Path {
    const result: (string | number)[] = []
    for (const segment of path) {
      const kept = this.#kept.get(formatPath(result))
      result.push(typeof segment === 'number' ? (kept?.[segment] ?? segment) : segment)
    }
    return result
  }

  /** Takes out what the file has at this path. Where it has nothing, the object that lacks it goes. */
  remove(original: Path): void {
    const [key] = original.slice(-1)
    const parent = original.slice(0, -1)
    if (key === undefined) {
      this.value = {}
      return
    }
    const current = this.#current(original)
    const holder = valueAt(this.value, current.slice(0, -1))
    if (holder === undefined || current.includes(-1)) return
    if (valueAt(this.value, current) === undefined) this.remove(parent)
    else this.#takeOut(current, parent)
  }

  #takeOut(current: Path, parent: Path): void {
    const key = current.at(-1)
    this.value = change(this.value, current.slice(0, -1), (holder) => {
      if (!Array.isArray(holder)) return withoutKey(holder as JsonObject, String(key))
      const name = formatPath(parent)
      const kept = this.#kept.get(name) ?? [...holder.keys()]
      this.#kept.set(name, kept.toSpliced(Number(key), 1))
      return holder.toSpliced(Number(key), 1)
    })
  }

  #current(original: Path): Path {
    const path: (string | number)[] = []
    for (const [depth, segment] of original.entries()) {
      const kept = this.#kept.get(formatPath(original.slice(0, depth)))
      path.push(typeof segment === 'number' && kept ? kept.indexOf(segment) : segment)
    }
    return path
  }
}

/** The value a path leads to, if there is one. */
export function valueAt(root: Json, path: Path): Json | undefined {
  let value: Json = root
  for (const segment of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, segment)) {
      return undefined
    }
    value = (value as JsonObject)[segment] as Json
  }
  return value
}

function change(root: Json, path: Path, edit: (value: Json) => Json): Json {
  const [segment, ...rest] = path
  if (segment === undefined) return edit(root)
  if (Array.isArray(root)) {
    return root.map((item, index) => (index === segment ? change(item, rest, edit) : item))
  }
  const entries = Object.entries(root as JsonObject)
  return Object.fromEntries(
    entries.map(([key, item]) => [key, key === segment ? change(item, rest, edit) : item]),
  )
}

const withoutKey = (value: JsonObject, key: string): Json =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
