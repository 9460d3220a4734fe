import type { Context } from 'hono'
import type { Candidate, HeaderList } from '../../platform/upstream.ts'
import type { Env } from '../http/env.ts'

/**
 * What the caller's grants send along with this request, and then the provider's own headers and key, but for those
 * that a grant replaces. The same header of several grants is sent once.
 */
export const withGranted = (
  c: Context<Env>,
  { provider, model }: Candidate,
  own: HeaderList,
): HeaderList => {
  const entries = c.get('permissions').entriesFor(provider.id, model)
  const granted = entries.flatMap(({ addHeaders = [] }) => addHeaders)
  if (granted.length === 0) return own
  const names = new Set(granted.map(([name]) => name))
  const once = new Map(granted.map((header) => [header.join(': '), header]))
  return [...once.values(), ...own.filter(([name]) => !names.has(name))]
}
