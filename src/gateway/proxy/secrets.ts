import type { HeaderList, Provider } from '../../platform/upstream.ts'
import { type Needle, NeedleFinder, needleOf } from '../answer/needles.ts'
import { isPlaceholderKey } from '../http/guards/placeholder-key.ts'

/** Shorter ones turn up in ordinary text: an answer may say `true`, `2025` or `ollama`. */
const MIN_SECRET = 12

/** Headers that are not secret, and that an error may well have to name. */
const HARMLESS =
  /^(?:accept(?:-.*)?|anthropic-(?:beta|version)|content-type|http-referer|openai-beta|origin|referer|user-agent|x-app-name|x-stainless-.*|x-title)$/

/** Stands in the place of a key where a client insists on one: words that anyone could write. */
const PLACEHOLDER =
  /^(?:(?:a|api|any|anything|auth|change|dummy|empty|example|fake|here|is|key|lm|local|me|model|my|necessary|needed|no|none|not|null|ollama|open|placeholder|required|secret|server|set|sk|studio|test|the|to|token|unused|use|used|vllm|your)[-_ .]?)+$/i

/** What must not come back in an answer: the secrets that a provider was sent, and its address. */
export const needlesFor = (headers: HeaderList, baseurl: string): Needle[] => {
  const secrets = headers
    .filter(([name]) => !HARMLESS.test(name))
    .flatMap(([, value]) => secretsIn(value))
  const whole = secrets.filter(isSecret)
  return [
    ...[...new Set(whole)].map((secret) => needleOf(secret)),
    ...addressesOf(baseurl).map((address) => needleOf(address, true)),
  ]
}

const isSecret = (text: string): boolean =>
  text.length >= MIN_SECRET && !isPlaceholderKey(text) && !PLACEHOLDER.test(text)

/** `Bearer KEY`, and KEY; of `Basic …` the password as well. */
const secretsIn = (header: string): string[] => {
  const value = header.trim()
  const [, scheme = '', token = ''] = /^([A-Za-z][\w-]*) +(\S+)$/.exec(value) ?? []
  if (!isSecret(token)) return token === '' ? [value] : []
  if (scheme.toLowerCase() !== 'basic') return [value, token]
  const decoded = decodeBasic(token)
  return [value, token, decoded, decoded.slice(decoded.indexOf(':') + 1)]
}

const decodeBasic = (token: string): string => {
  try {
    return atob(token)
  } catch {
    return ''
  }
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/**
 * A host in every form in which an error names it. A name of one word, such as `ollama` or `gpu`, is a word like any
 * other unless a port or a scheme stands beside it.
 */
const addressesOf = (baseurl: string): string[] => {
  if (!URL.canParse(baseurl)) return []
  const { hostname, port } = new URL(baseurl)
  const hosts = LOOPBACK.includes(hostname) ? LOOPBACK : [hostname]
  return hosts.flatMap((host) => [
    ...(port === '' ? [] : [`${host}:${port}`]),
    ...(host.includes('.') ? [host] : [`://${host}`]),
    ...(/^\[.{6,}\]$/.test(host) ? [host.slice(1, -1)] : []),
  ])
}

const encoder = new TextEncoder()

/** The headers of an answer, without those that repeat what was sent. */
export const withoutSecrets = (headers: HeaderList, finder: NeedleFinder): HeaderList => {
  const repeats = (value: string): boolean => finder.scan(encoder.encode(value)) !== undefined
  // Nearly none does: one look at all of them.
  if (!repeats(headers.map(([, value]) => value).join('\n'))) return headers
  return headers.filter(([, value]) => !repeats(value))
}

interface Known {
  readonly headers: HeaderList
  readonly finder: NeedleFinder
}

/** Headers that grants add make several for one provider. */
const MAX_KNOWN = 8

type Finders = (provider: Provider, headers: HeaderList, isOurs: boolean) => NeedleFinder

/**
 * Makes a finder once for the headers that a provider is sent, not for each request. Those with a client's own
 * credential are not kept: a credential must not outlive its request.
 */
export const createFinders = (): Finders => {
  const known = new WeakMap<Provider, Known[]>()
  return (provider, headers, isOurs) => {
    if (!isOurs) return new NeedleFinder(needlesFor(headers, provider.baseurl))
    const before = known.get(provider) ?? []
    const found = before.find((each) => isSame(each.headers, headers))
    if (found) return found.finder
    const finder = new NeedleFinder(needlesFor(headers, provider.baseurl))
    known.set(provider, [{ headers, finder }, ...before.slice(0, MAX_KNOWN - 1)])
    return finder
  }
}

const isSame = (a: HeaderList, b: HeaderList): boolean =>
  a.length === b.length && a.every(([name, value], i) => b[i]?.[0] === name && b[i]?.[1] === value)
