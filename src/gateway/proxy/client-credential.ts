import type { Context } from 'hono'
import type { HeaderList } from '../../platform/upstream.ts'
import type { Env } from '../http/env.ts'
import { isPlaceholderKey } from '../http/guards/placeholder-key.ts'
import { isGatewayCredential } from '../http/headers.ts'

const carriers = ['authorization', 'x-api-key'] as const

/**
 * The client's own credential for a provider, as it sent it (`auth_mode: passthrough`); nothing when it has none.
 *
 * Never what the gateway was shown: only who is known by where they come from can have brought a credential that is
 * for somebody else. Whoever proved themselves by a password, key or token did so with these very headers, and so did
 * a program that speaks for another.
 */
export const clientCredential = (c: Context<Env>): HeaderList => {
  const { caller } = c.get('auth')
  if (!caller || (caller.kind !== 'user' && caller.kind !== 'node') || caller.through) return []
  return carriers.flatMap((name) => {
    const value = c.req.header(name) ?? ''
    const key = /^bearer(?: +|$)(.*)$/i.exec(value)?.[1] ?? value
    if (isPlaceholderKey(key.trim()) || isGatewayCredential(`Bearer ${key}`)) return []
    return /^basic\b/i.test(value) ? [] : [[name, value] as const]
  })
}
