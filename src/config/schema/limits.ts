import { z } from 'zod'
import * as field from '../values/fields/fields.ts'

const rateLimit = z.strictObject({
  zone: z
    .string()
    .min(1)
    .describe('Name of the limit. Within a zone the first rule that matches counts.'),
  match: field.pathPattern().describe('Paths it is about; `**` stands for anything below.'),
  per: z
    .enum(['client', 'caller', 'listener'])
    .describe('What is counted apart: the address (IPv6 by /64), the login, or the socket.'),
  events: z.int().min(1).describe('Requests allowed in one window.'),
  window: field.span().describe('Length of the window.'),
})

export const rateLimits = z
  .array(rateLimit)
  .prefault([{ zone: 'api', match: '/v1/**', per: 'caller' as const, events: 600, window: '1m' }])
  .describe('How many requests are let through; the next is answered 429. `[]`: no limit.')

export const authFailures = z
  .strictObject({
    max: z
      .int()
      .min(1)
      .prefault(5)
      .describe(
        'Wrong credentials from one address before it is banned. The same one is counted once, and none that a web page caused.',
      ),
    window: field.span().prefault('10m').describe('How long a wrong credential is remembered.'),
    ban: field.span().prefault('15m').describe('Length of the first ban; it doubles on repeat.'),
    max_ban: field.span().prefault('24h').describe('Longest ban.'),
  })
  .prefault({})
  .describe(
    'What wrong credentials lead to: docs/guesses.md. Loopback and trusted proxies are never banned, and a tailnet identity, a ' +
      'browser session and a right credential pass a ban.',
  )

export const limits = z
  .strictObject({
    body: field
      .size()
      .prefault('32MiB')
      .describe('Largest request body, also once it is unpacked; more is answered 413.'),
    bodies_per_caller: field
      .size()
      .prefault('32MiB')
      .describe('What the bodies of one caller may take at a time; more is answered 429.'),
    bodies: field
      .size()
      .prefault('64MiB')
      .describe('What the bodies of all callers may take at a time; more is answered 503.'),
    first_byte: field
      .timer()
      .prefault('10m')
      .describe(
        'How long a provider may take to begin its answer. Large local models are slow to load.',
      ),
    idle: field.timer().prefault('10m').describe('Longest silence in the middle of an answer.'),
    header_timeout: field
      .timer()
      .prefault('15s')
      .describe('How long a client may take to send its headers.'),
    body_idle: field
      .timer()
      .prefault('30s')
      .describe('Longest silence of a client that is sending a body.'),
    write_stall: field
      .timer()
      .prefault('2m')
      .describe('How long a client may leave an answer unread before it is given up.'),
    websockets: z
      .int()
      .min(1)
      .prefault(1000)
      .describe('WebSockets to Open WebUI at once; the next is answered 503.'),
    websockets_per_client: z
      .int()
      .min(1)
      .prefault(50)
      .describe(
        'Of these from one address (IPv6 by /64), or of one login where `webui.sso` tells who it is; the next is answered ' +
          '429. Each open chat page has one.',
      ),
  })
  .prefault({})
  .describe('Bounds on one request.')

const later = (text: string) =>
  z
    .unknown()
    .optional()
    .describe(`${text} Accepted as Aperture has it, without effect in this version.`)

const retention = z
  .strictObject({
    usage: z
      .enum(['forever'])
      .prefault('forever')
      .describe('Rows of the ledger are never removed.'),
    captures: z
      .enum(['0'])
      .optional()
      .describe('`"0"`: no prompt and no answer is stored, whatever `duration` says.'),
    duration: field
      .retention()
      .prefault('')
      .describe(
        'How long captures are kept, `"1h"` to `"3650d"`. `""` or `"0"`: none is ever stored, and what there is goes. What ' +
          'is stored at all, `capture` of a grant says.',
      ),
    purge: z
      .array(z.enum(['captures', 'tools']))
      .prefault(['captures'])
      .describe('What goes then: bodies, and calls of tools. Rows of the ledger never do.'),
    require_export: z
      .boolean()
      .prefault(false)
      .describe('Only what `exporters.s3` has passed goes.'),
  })
  .prefault({})
  .describe('What is kept, and for how long.')

export const redis = z
  .strictObject({
    url: field
      .redisUrl()
      .describe('`"redis://host:6379"`, or `"rediss://…"` for TLS. May be `"env:NAME"`.'),
    user: z.string().optional().describe('Absent: the default user.'),
    password: z.string().optional().describe('As `"env:NAME"` or `"file:/path"`.'),
    prefix: z
      .string()
      .prefault('postern:')
      .describe('Before every key, so that others may use it too.'),
  })
  .optional()
  .describe(
    'A Redis or Valkey in which several gateways count `rate_limits` and wrong passwords together, and tell each other ' +
      'of bans. While it is away each counts for itself. Read at the start only; not for Workers.',
  )

export const database = z
  .strictObject({
    url: field
      .databaseUrl()
      .prefault('file:postern.db')
      .describe(
        'The ledger: `"file:…"`, relative to the data directory, or a libSQL server as `"libsql://…"`, `"https://…"` or ' +
          '`"http://…"` (readable on the way). May be `"env:NAME"`.',
      ),
    auth_token: field
      .headerSecret()
      .optional()
      .describe('Token for a libSQL server, as `"env:NAME"` or `"file:/path"`.'),
    retention,
    headers: z
      .strictObject({
        filterable: z
          .array(
            z.strictObject({
              name: field.headerName().describe('In any spelling.'),
              redact_values: z
                .boolean()
                .prefault(false)
                .describe('Keeps that it was there, and not what it said.'),
            }),
          )
          .prefault([])
          .describe(
            'Headers of requests and answers by which `filterable_headers` of a grant may look for requests. What ' +
              'carries a credential is always redacted.',
          ),
      })
      .prefault({})
      .describe('Headers that requests can be found by.'),
    save_raws: later('Whether raw answers are kept.'),
    keep_encrypted_blobs: later('Whether opaque parts of answers are kept.'),
  })
  .prefault({})
  .describe('Where usage is kept.')

export const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .prefault('info')
      .describe('Least level that is written. Bodies and credentials never are.'),
    access: z.boolean().prefault(true).describe('One line for every request.'),
  })
  .prefault({})
  .describe('JSON lines on standard output.')
