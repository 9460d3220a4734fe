import { z } from 'zod'
import * as field from '../values/fields.ts'

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
    .enum(['none'])
    .prefault('none')
    .describe('What this socket may believe about who is calling. `"none"`: passwords only.'),
  trusted_proxies: z
    .array(field.trustedProxy())
    .prefault([])
    .describe(
      'Addresses, CIDR ranges or `"unix"` (the peer of a unix socket) whose `X-Forwarded-For` is believed. Anyone ' +
        'named here can choose the address that limits and bans count by.',
    ),
})

export const listeners = z
  .array(listener)
  .min(1)
  .prefault([
    { name: 'local', bind: '127.0.0.1:8787', identity: 'none' as const, trusted_proxies: [] },
  ])
  .describe('The sockets to listen on.')
