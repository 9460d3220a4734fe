import { LRUCache } from 'lru-cache'
import { demoBase } from '../../platform/upstream.ts'
import { atRoot } from '../dialect/operations.ts'

export interface Joined {
  /** `http://host:port`, as the transport wants it. */
  readonly origin: string
  /** Path without a query. */
  readonly path: string
}

const version = /^v\d+(?:(?:alpha|beta)\d*)?$/

/**
 * Joins a canonical operation (`chat/completions`, `models`, …) to a provider's base. A base that already ends in a
 * version segment (`/v1`, `/v4`, `/v1beta`) gets the operation only, any other gets `defaultVersion` before it, so that
 * `http://h:8000` and `http://h:8000/v1/` mean the same. Without a default version nothing comes between.
 *
 * `operation` must come from our own table of operations, never from a request: it is appended as it is.
 * @throws TypeError when `baseurl` is not a URL; the configuration is checked before it gets here.
 */
export function joinBase(baseurl: string, operation: string, defaultVersion = 'v1'): Joined {
  if (defaultVersion === atRoot) {
    const root = rootOf(baseurl)
    return { origin: root.origin, path: `${root.path}/${operation}` }
  }
  const { origin, base, versioned } = bases.get(baseurl) ?? parse(baseurl)
  const prefix = versioned || defaultVersion === '' ? base : `${base}/${defaultVersion}`
  return { origin, path: `${prefix}/${operation}` }
}

interface Base {
  readonly origin: string
  /** Path without a slash at its end. */
  readonly base: string
  readonly versioned: boolean
}

/** Where a base says itself which version it is of. */
export type VersionedBase = 'at its end' | 'within' | 'nowhere'

/** `http://h/v1`, `https://h/v1beta/openai`, `http://h`. */
export const versionIn = (baseurl: string): VersionedBase => {
  const { base, versioned } = bases.get(baseurl) ?? parse(baseurl)
  if (versioned) return 'at its end'
  return base.split('/').some((segment) => version.test(segment)) ? 'within' : 'nowhere'
}

/** The root of the server below a base, where its own API is: `http://h/llama/v1` and `http://h/llama` have one. */
export const rootOf = (baseurl: string): Joined => {
  const { origin, base, versioned } = bases.get(baseurl) ?? parse(baseurl)
  return { origin, path: versioned ? base.slice(0, base.lastIndexOf('/')) : base }
}

/** Of providers, and there are few: parsing a URL is among the dearest things that a request would ask for. */
const bases = new LRUCache<string, Base>({ max: 1000 })

const parse = (baseurl: string): Base => {
  const { origin, pathname } =
    baseurl === demoBase ? { origin: demoBase, pathname: '' } : new URL(baseurl)
  const base = pathname.replace(/\/+$/, '')
  const parsed = { origin, base, versioned: version.test(base.slice(base.lastIndexOf('/') + 1)) }
  bases.set(baseurl, parsed)
  return parsed
}
