import type { MiddlewareHandler } from 'hono'
import type { Mode } from '../../../config/config.ts'
import type { Door } from '../../../platform/caller.ts'
import { Failure } from '../../../platform/failure.ts'
import { check } from '../check.ts'
import type { Env } from '../env.ts'

/** By which doors callers may come who come by way of tailscaled, or of Caddy on the tailnet. */
const open: Readonly<Record<Mode, ReadonlySet<Door>>> = {
  local: new Set(),
  serve: new Set(['tailnet']),
  funnel: new Set(['tailnet', 'public']),
  both: new Set(['tailnet', 'public']),
}

/**
 * Refuses what comes by a door that `mode` keeps shut, whatever tailscaled was told: the last `serve` or `funnel` command
 * flips a whole port, so each request is looked at. A listener without an identity has no such doors.
 */
export const requireOpenDoor = (mode: Mode): MiddlewareHandler<Env> =>
  check(function requireOpenDoor(c) {
    const { door } = c.get('client')
    if (c.env.listener.identity !== 'none' && !open[mode].has(door)) {
      throw new Failure('door_closed', 'This door is closed.', {
        reason: `${door} in mode ${mode}`,
      })
    }
  })

/** In these modes tailnet callers need no credential. */
export const believesTailnet = (mode: Mode): boolean => mode === 'serve' || mode === 'both'
