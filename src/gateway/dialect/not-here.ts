const version = /^\/(v1(?:alpha|beta1?)?)(\/.*)$/
/** Our paths that take no version in front. */
const unversioned =
  /^\/(?:bedrock|ollama|codex|aperture|postern|ui|api\/(?:tags|show|version|ps|chat|generate|embed|embeddings))(?:\/|$)/
const operation = '(?:chat/completions|completions|responses|messages|embeddings|models)'
/** A base URL that ends in an operation, and a client that adds one. */
const twice = new RegExp(`^(?:/v1)?(/${operation})/(?:v1/)?${operation}(?:/|$)`)

/** Operations that are served below `/v1` only. */
const versionedOnly =
  /^\/(?:completions|messages|rerank|moderations|audio\/\w+|images\/\w+|messages\/count_tokens|responses\/.+)$/

/** The message for a path that is not one of ours at all. */
export const nothingHere = (path: string): string =>
  versionedOnly.test(path)
    ? `There is no ${path} here. Add /v1 to the base URL.`
    : 'There is nothing here.'

/** The message for a path below the API that does not exist, with a remedy where the base URL is wrong. */
export const notHere = (path: string): string => {
  const [, named, rest = ''] = version.exec(path) ?? []
  const extra =
    named !== undefined && unversioned.test(rest)
      ? `/${named}`
      : (/^\/bedrock(\/v1)\//.exec(path)?.[1] ?? twice.exec(path)?.[1])
  const remedy = extra === undefined ? '' : ` Leave ${extra} off the base URL.`
  return `There is no ${path} here.${remedy}`
}
