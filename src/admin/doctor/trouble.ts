import { UpstreamError } from '../../platform/upstream.ts'

/** Why there is no answer, as far as the system's code tells. */
export type Trouble =
  | 'refused'
  | 'name_unknown'
  | 'unreachable'
  | 'untrusted'
  | 'no_tls'
  | 'not_http'
  | 'silent'
  | 'lost'

/** Of Node's, of OpenSSL's and undici's; a certificate's are listed in Node's manual under `tls`. */
const known: Readonly<Record<string, Trouble>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'name_unknown',
  EAI_AGAIN: 'name_unknown',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'unreachable',
  EPROTO: 'no_tls',
  CERT_HAS_EXPIRED: 'untrusted',
  CERT_NOT_YET_VALID: 'untrusted',
  CERT_UNTRUSTED: 'untrusted',
  CERT_REVOKED: 'untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'untrusted',
}

/** What went wrong on the way to a server, with the code that says so. */
export const troubleOf = (error: unknown): { readonly trouble: Trouble; readonly code: string } => {
  // `ask` gives up by itself, without a transport's error.
  if (!(error instanceof UpstreamError) && codeOf(error) === '') {
    return { trouble: 'silent', code: 'no answer' }
  }
  const code = codeOf(error)
  if (isNoHttp(error)) return { trouble: 'not_http', code: 'no status line' }
  return { trouble: known[code] ?? byFamily(code), code: code || 'no code' }
}

/** The first code in the chain of causes. */
export const codeOf = (error: unknown): string => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code
  }
  return ''
}

const byFamily = (code: string): Trouble => (code.startsWith('ERR_SSL') ? 'no_tls' : 'lost')

/** undici's parser has a name of its own for it, and no code. */
const isNoHttp = (error: unknown): boolean =>
  error instanceof Error &&
  (error.cause instanceof Error ? isNoHttp(error.cause) : error.name === 'HTTPParserError')

/** The same in a few words, where a server has no texts of its own. */
export const inWords = (error: unknown): string => {
  const { trouble, code } = troubleOf(error)
  return `${words[trouble]}${trouble === 'silent' ? '' : ` (${code})`}`
}

const words: Readonly<Record<Trouble, string>> = {
  refused: 'nobody listens there',
  name_unknown: 'its name leads to no address',
  unreachable: 'packets go nowhere',
  untrusted: 'its certificate is not to be trusted',
  no_tls: 'it does not speak TLS',
  not_http: 'what answers is not HTTP',
  silent: 'it takes the connection and says nothing',
  lost: 'the connection was lost',
}
