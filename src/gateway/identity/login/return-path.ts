import { canonicalTarget } from '../../http/target.ts'

export const loginPath = '/postern/login'
export const logoutPath = '/postern/logout'

const longest = 2048

/**
 * Where to go after signing in: a path of this very address and nothing else, however it is spelled (`//evil`, `/\evil`,
 * `https://evil`, …), or `/`.
 */
export const returnPath = (wanted: string | null | undefined): string => {
  if (!wanted || wanted.length > longest) return '/'
  const { target } = canonicalTarget(wanted)
  if (target === undefined || target.path === loginPath || target.path === logoutPath) return '/'
  return target.path + target.search
}

/** The login page, which leads back to this path. */
export const loginTo = (path: string): string =>
  path === '/' ? loginPath : `${loginPath}?to=${encodeURIComponent(path)}`
