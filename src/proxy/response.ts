import { concat } from '../http/body.ts'
import type { BodyWatch } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import type { HeaderList } from '../http/headers.ts'

/**
 * Refuses answers that must not reach the client as they are.
 * A redirect would carry key and prompt elsewhere (hazards 0.1 a); a 401 is about our key, not the client's, and would
 * make it doubt its own, unless it was the client's that we passed on; a page of HTML is a proxy's or a login form's,
 * never a model's.
 * @throws Failure `upstream_error`
 */
export const judgeHead = (status: number, contentType: string, clientsOwn: boolean): void => {
  const refuse = (message: string, reason: string): never => {
    throw new Failure('upstream_error', message, { reason })
  }
  if (status >= 300 && status < 400) {
    refuse('The model server answered with a redirect, which is not followed.', 'upstream_redirect')
  }
  if ((!clientsOwn && (status === 401 || status === 403)) || status === 407) {
    refuse("The model server refused the gateway's own credentials.", `upstream_${status}`)
  }
  if (contentType.startsWith('text/html')) {
    refuse('The model server answered with a web page.', 'upstream_html')
  }
}

/** More of an error than this is no error message. */
const maxError = 64 * 1024

/**
 * Holds back an error's body, takes out the provider's secrets and lets it go (hazards 196).
 * Error bodies are short and not streamed, so nothing is slowed down.
 */
export const scrubbing = (watch: BodyWatch, secrets: readonly string[]): BodyWatch => {
  const chunks: Uint8Array[] = []
  let size = 0
  return {
    push: (chunk) => {
      if (size < maxError) chunks.push(chunk)
      size += chunk.byteLength
      return null
    },
    flush: () => {
      const kept = Math.min(
        size,
        chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0),
      )
      const clean = new TextEncoder().encode(
        scrub(new TextDecoder().decode(concat(chunks, kept)), secrets),
      )
      return join(watch.push(clean), watch.flush())
    },
    done: (outcome, code) => watch.done(outcome, code),
  }
}

const join = (a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null =>
  a && b ? concat([a, b], a.byteLength + b.byteLength) : (a ?? b)

/** Replaces the exact secrets, the longest first; patterns would miss half of them. */
const scrub = (text: string, secrets: readonly string[]): string =>
  secrets
    .filter((secret) => secret.length > 3)
    .toSorted((a, b) => b.length - a.length)
    .reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text)

/** What of a request to this provider may come back in no answer: the headers we added, and its address. */
export const secretsOf = (added: HeaderList, baseurl: string): string[] => {
  const values = added.map(([, value]) => value)
  // `Bearer KEY`, and KEY.
  return [
    ...values,
    ...values.map((value) => value.slice(value.lastIndexOf(' ') + 1)),
    ...addresses(baseurl),
  ]
}

const addresses = (baseurl: string): string[] => {
  if (!URL.canParse(baseurl)) return []
  const { host, hostname } = new URL(baseurl)
  return hostname === 'localhost' ? [host] : [host, hostname]
}
