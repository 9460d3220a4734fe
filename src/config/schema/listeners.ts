import { z } from 'zod'
import * as field from '../values/fields/fields.ts'

const listener = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/)
    .describe('Name of this socket in the log: small letters, digits and dashes. Unique.'),
  bind: field
    .bind()
    .describe(
      'Where to listen: `"127.0.0.1:8787"`, `"[::1]:8787"`, `"0.0.0.0:8787"` (every interface, without TLS: passwords ' +
        'cross the network readable) or `"unix:name.sock"`, relative to the data directory. Anything but loopback or a ' +
        'socket needs at least one user.',
    ),
  identity: z
    .enum(['none', 'serve', 'whois', 'caddy'])
    .prefault('none')
    .describe(
      'What this socket may believe about who is calling. `"none"`: credentials only. `"serve"`: the tailnet identity ' +
        'that `tailscale serve` sends, checked with tailscaled; on a unix socket, or on loopback where every program of ' +
        'this machine is trusted. `"whois"`: bound to this machine’s own tailnet address, tailscaled is asked who the ' +
        'peer is. `"caddy"`: Caddy says who it is in `X-Webauth-User`; on a unix socket, or on loopback with ' +
        '`hop_secret`.',
    ),
  hop_secret: field
    .headerSecret()
    .optional()
    .describe(
      'For `"caddy"` on loopback: Caddy proves itself with this in `X-Gateway-Hop`. 32 characters or more, as ' +
        '`"env:NAME"` or `"file:/path"`.',
    ),
  group: z
    .string()
    .regex(/^(?:[a-z_][a-z0-9_-]{0,31}|\d{1,9})$/)
    .optional()
    .describe(
      'Group of this machine (name or number) whose members may open the unix socket, for a proxy that runs as another ' +
        'user. With an `identity`, all of them can claim to be anyone. Absent: with an `identity` only the user who runs ' +
        'the gateway, and root, and the folder of the socket must be theirs alone (`chmod 700`).',
    ),
  trusted_proxies: z
    .array(field.trustedProxy())
    .prefault([])
    .describe(
      'Addresses, CIDR ranges or `"unix"` (the peer of a unix socket) whose `X-Forwarded-For` is believed. Anyone ' +
        'named here can choose the address that limits and bans count by.',
    ),
})

const some = z.array(listener).min(1)

/** Where tailscaled leads, when `front` says so and no listener is named. */
const tailnet = { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' as const }

/** The sockets of a configuration that names none. */
export const defaultListeners = (tailscale: boolean): z.output<typeof some> =>
  some.parse([{ name: 'local', bind: '127.0.0.1:8787' }, ...(tailscale ? [tailnet] : [])])

export const listeners = some
  .optional()
  .describe(
    'The sockets to listen on. Absent: `127.0.0.1:8787`, and with `"front": "tailscale"` the socket `tailnet.sock` for ' +
      'tailscaled as well.',
  )
