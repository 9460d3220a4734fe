/** Stages before ours, by the paths they answer. */
export const loginPaths = { logout: '/postern/logout' } as const

/** The API of models, for who is signed in here. */
export const tryPath = '/ui/v1'

/** A path with a query, without what is empty. */
export const linkTo = (
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): string => {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  ).toString()
  return search === '' ? path : `${path}?${search}`
}
