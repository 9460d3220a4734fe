const version = /^\/(v1(?:alpha|beta1?)?)(\/.*)$/
/** Our paths that take no version in front. */
const unversioned =
  /^\/(?:bedrock|ollama|codex|aperture|postern|ui|api\/(?:tags|show|version|ps|chat|generate|embed|embeddings))(?:\/|$)/
const operation = '(?:chat/completions|completions|responses|messages|embeddings|models)'
/** A base URL that ends in an operation, and a client that adds one. */
const twice = new RegExp(`^(?:/v1)?(/${operation})/(?:v1/)?${operation}(?:/|$)`)

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
