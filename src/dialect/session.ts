import { type Json, object } from './json.ts'

export interface SessionRequest {
  readonly header: (name: string) => string | null
  /** Undefined for a form. */
  readonly body: Json | undefined
  readonly login: string
}

/**
 * Which conversation a request belongs to, as its client tells it: Claude Code in the body, Codex and others in a
 * header. An OpenAI chat that tells nothing is known by its beginning, which it repeats with every turn. Undefined
 * where nothing can be told. It groups, it proves nothing: a client may write what it likes.
 */
export const sessionOf = ({ header, body, login }: SessionRequest): string | undefined =>
  sound(header('x-session-id')) ??
  claudeCode(object(body?.metadata)?.user_id) ??
  sound(header('session_id')) ??
  sound(header('session-id')) ??
  sound(header('conversation_id')) ??
  (body && fingerprint(body, login))

/** What may stand in the ledger. */
const sound = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\w.:@/+=-]{1,128}$/.test(value) ? value : undefined

/** `user_<hash>_account_<uuid>_session_<uuid>`, or in newer versions JSON with a `session_id`. */
const claudeCode = (userId: unknown): string | undefined => {
  if (typeof userId !== 'string' || userId.length > 1024) return undefined
  const named = /_session_([\w-]{1,128})$/.exec(userId)?.[1]
  if (named !== undefined) return named
  return sound(/^\{.*"session_id"\s*:\s*"([^"]*)"/.exec(userId)?.[1])
}

/** Of each of the two messages. More would tell no more conversations apart. */
const maxText = 1024

/** The instructions and the first thing that the person said; the person's name keeps equal beginnings of two apart. */
const fingerprint = ({ messages }: Json, login: string): string | undefined => {
  if (!Array.isArray(messages)) return undefined
  const beginning = messages.slice(0, 16).map((each) => object(each) ?? {})
  const said = beginning.find(({ role }) => role === 'user')
  if (said === undefined) return undefined
  const instructed = beginning.find(({ role }) => role === 'system' || role === 'developer')
  return `oacc_${hash([login, textOf(instructed?.content), textOf(said.content)].join('\u0000'))}`
}

/** The text, without pictures. */
const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content.slice(0, maxText)
  if (!Array.isArray(content)) return ''
  const texts = content.slice(0, 16).map((part) => object(part)?.text)
  return texts
    .filter((text) => typeof text === 'string')
    .map((text) => text.slice(0, maxText))
    .join('\n')
    .slice(0, maxText)
}

/**
 * 128 bits as hex, of four FNV-1a side by side. Not for secrets: whoever makes two collide mixes up their own rows.
 */
const hash = (text: string): string => {
  let [a, b, c, d] = [0x811c9dc5, 0x01000193, 0x9e3779b9, 0x85ebca6b]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = mixed(a, code)
    b = mixed(b, code)
    c = mixed(c, code)
    d = mixed(d, code)
  }
  return [a, b, c, d].map((state) => (state >>> 0).toString(16).padStart(8, '0')).join('')
}

const mixed = (state: number, code: number): number => {
  const next = Math.imul(state ^ code, 0x01000193)
  return next ^ (next >>> 15)
}
