import { isLoopbackHost } from './bind.ts'
import { checkHttpUrl } from './url.ts'

/** Why an issuer or its keys cannot be reached there safely, or undefined. The reason never quotes the value. */
export function refuseIssuerUrl(text: string): string | undefined {
  const { url, why } = checkHttpUrl(text)
  if (!url) return why
  // Whoever can change what is sent on the way could name keys of their own.
  if (url.protocol === 'https:' || isLoopbackHost(url.hostname)) return undefined
  return 'is plain http to another machine'
}
