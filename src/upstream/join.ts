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
  if (baseurl === demoBase) return { origin: demoBase, path: `/${defaultVersion}/${operation}` }
  const { origin, pathname } = new URL(baseurl)
  const base = pathname.replace(/\/+$/, '')
  const last = base.slice(base.lastIndexOf('/') + 1)
  const complete = defaultVersion === '' || version.test(last)
  const prefix = complete ? base : `${base}/${defaultVersion}`
  return { origin, path: `${prefix}/${operation}` }
}
