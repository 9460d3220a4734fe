import { LRUCache } from 'lru-cache'
import { demoBase } from './upstream.ts'

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
