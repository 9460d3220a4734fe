import { z } from 'zod'
import { quote } from '../../problem.ts'
import { resourceFamilies } from '../../resources.ts'
import { nearest } from '../nearest.ts'
import { header } from './fields.ts'

/** What the gateway decides for every request, because it has to read body and answer. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['content-type', 'accept-encoding'])

/** `Header-Name: value`, as a pair with the name in lower case. */
export const grantHeader = () =>
  header().refine(([name]) => !OWN_HEADERS.has(name), {
    error: 'this header is set by the gateway itself',
    params: { remedy: 'Remove it' },
  })

/** `provider/family`. Neither is a pattern: a family that comes with a later version must not be granted by an earlier one. */
export const providerResource = () =>
  z.string().transform((text, ctx) => {
    const [provider = '', family = '', ...rest] = text.split('/')
    if (provider !== '' && families.includes(family) && rest.length === 0) return text
    const meant = nearest(family, families)
    const message = `${quote(text)} does not name a family of a provider’s resources`
    const remedy =
      meant === undefined
        ? `Write "provider/family" with one of ${families.join(', ')}`
        : `Did you mean ${quote(`${provider}/${meant}`)}?`
    ctx.issues.push({ code: 'custom', message, input: text, params: { remedy } })
    return z.NEVER
  })

const families: readonly string[] = resourceFamilies

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s\p{C}/?#@,*]+$/u

const split = (text: string): string[] => text.split(',').map((part) => part.trim())

/** Origins as browsers send them (RFC 6454 section 6.1), in a list; never `null`, which any page can be. */
export const origins = () =>
  list(
    (text) => text === '*' || ORIGIN.test(text.toLowerCase()),
    'not an origin',
    'Write scheme and host, such as "https://app.example.com", or "*"',
  ).transform((parts) => parts.map((part) => part.toLowerCase()))

export const methods = () =>
  list((text) => TOKEN.test(text), 'not a method', 'Write "GET, POST"').transform(join)

export const headerNames = () =>
  list(
    (text) => TOKEN.test(text),
    'not a header name',
    'Write "authorization, content-type"',
  ).transform(join)

const join = (parts: readonly string[]): string => parts.join(', ')

const list = (fits: (part: string) => boolean, what: string, remedy: string) =>
  z.string().transform((text, ctx) => {
    const parts = split(text)
    const wrong = parts.find((part) => !fits(part))
    if (wrong === undefined) return parts
    const message = `${quote(wrong)} is ${what}`
    ctx.issues.push({ code: 'custom', message, input: text, params: { remedy } })
    return z.NEVER
  })
