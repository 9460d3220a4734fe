import { error, type Finding } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'

/** HS256 takes any key; with one that can be guessed, anybody could sign in as anybody (RFC 7518 section 3.2). */
const SHORTEST_SECRET = 32

export function checkSessions({ sessions }: ConfigFile): Finding[] {
  const { secret, previous_secret: previous } = sessions
  return [
    ...tooShort('secret', secret),
    ...tooShort('previous_secret', previous),
    ...(previous !== undefined && secret === undefined ? [alone] : []),
  ]
}

const tooShort = (key: string, secret: string | undefined): Finding[] => {
  if (secret === undefined || secret.length >= SHORTEST_SECRET) return []
  const message = `has less than ${SHORTEST_SECRET} characters`
  return [error(['sessions', key], message, 'Make one with `openssl rand -hex 32`')]
}

const alone = error(
  ['sessions', 'previous_secret'],
  'there is no "secret" that took its place',
  'Name it as "secret"',
)
