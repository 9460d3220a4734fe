import { type Beginning, userIdIn } from './body/conversation.ts'
import type { JsonBody } from './body/json-body.ts'
import type { Beginnings } from './webui-task.ts'

export interface SessionRequest {
  readonly header: (name: string) => string | null
  /** Undefined for a form. */
  readonly body: Pick<JsonBody, 'bytes' | 'member'> | undefined
  readonly beginnings: Pick<Beginnings, 'messages'>
  readonly login: string
}

/**
 * Which conversation a request belongs to, as its client says: Claude Code in the body, Codex, Open WebUI and others in a
 * header. An
 * OpenAI chat without either is known by its beginning, which it repeats with every turn. Undefined where nothing tells
 * conversations apart. It groups, it proves nothing: a client may write what it likes.
 */
export const sessionOf = ({
  header,
  body,
  beginnings,
  login,
}: SessionRequest): string | undefined =>
  sound(header('x-session-id')) ??
  (body && claudeCode(userIdIn(body.bytes, body.member('metadata')))) ??
  sound(header('session_id')) ??
  sound(header('session-id')) ??
  sound(header('conversation_id')) ??
  sound(header('x-openwebui-chat-id')) ??
  fingerprint(beginnings.messages(), login)

/** What may stand in the ledger. */
const sound = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\w.:@/+=-]{1,128}$/.test(value) ? value : undefined

/** `user_<hash>_account_<uuid>_session_<uuid>`, or in newer versions JSON with a `session_id`. */
const claudeCode = (userId: string | undefined): string | undefined => {
  if (userId === undefined || userId.length > 1024) return undefined
  const named = /_session_([\w-]{1,128})$/.exec(userId)?.[1]
  if (named !== undefined) return named
  return sound(/^\{.*"session_id"\s*:\s*"([^"]*)"/.exec(userId)?.[1])
}

/** The person's name keeps equal beginnings of two apart. */
const fingerprint = (beginning: Beginning | undefined, login: string): string | undefined => {
  if (beginning === undefined) return undefined
  const { instructions, firstMessage } = beginning
  return `oacc_${hash([login, instructions, firstMessage].join('\u0000'))}`
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
