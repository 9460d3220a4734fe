import { z } from 'zod'
import { authFailures, database, limits, log, rateLimits } from './schema-limits.ts'
import * as field from './values/fields.ts'

/**
 * The configuration file as written. The descriptions are its manual: `docs/configuration.md` and the JSON Schema
 * are generated from them, with the defaults. Keys are accepted only when they work.
 */

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

const listeners = z
  .array(listener)
  .min(1)
  .prefault([
    { name: 'local', bind: '127.0.0.1:8787', identity: 'none' as const, trusted_proxies: [] },
  ])
  .describe('The sockets to listen on.')

const webui = z
  .strictObject({
    url: field
      .siteUrl()
      .describe(
        'Where Open WebUI runs: scheme, host and port. Bind it to loopback: whoever reaches it past the gateway meets ' +
          'only its own login. May be `"env:NAME"`.',
      ),
    sso: z
      .enum(['off'])
      .prefault('off')
      .describe('`"off"`: Open WebUI keeps its own login and is told nothing about the caller.'),
    public: z
      .boolean()
      .prefault(true)
      .describe('Whether callers from outside this machine and the tailnet see it at all.'),
  })
  .optional()
  .describe(
    'Open WebUI, shown for every path that is not the gateway’s own. Absent: a plain status page.',
  )

const flag = (text: string) => z.boolean().optional().describe(text)
const WITHOUT_EFFECT = 'Accepted, without effect in this version.'

const compatibility = z
  .strictObject({
    openai_chat: flag(
      '`POST /v1/chat/completions`. On, unless this object turns another flag on and is silent here.',
    ),
    openai_responses: flag('`POST /v1/responses`.'),
    anthropic_messages: flag('`POST /v1/messages`.'),
    gemini_generate_content: flag(WITHOUT_EFFECT),
    google_generate_content: flag(WITHOUT_EFFECT),
    google_raw_predict: flag(WITHOUT_EFFECT),
    bedrock_model_invoke: flag(WITHOUT_EFFECT),
    bedrock_converse: flag(WITHOUT_EFFECT),
    experimental_gemini_cli_vertex_compat: flag(WITHOUT_EFFECT),
  })
  .prefault({})
  .describe('Request shapes this provider understands.')

const provider = z.strictObject({
  baseurl: field
    .baseUrl()
    .describe(
      'Root of the server, http or https, with or without `/v1` and slash at the end. A user name or password in it ' +
        'is refused. May be `"env:NAME"`.',
    ),
  models: z
    .array(field.modelId())
    .prefault([])
    .describe('Exact ids to offer. Absent, `[]` or `["*"]`: the provider is asked for its list.'),
  apikey: field
    .headerSecret()
    .prefault('')
    .describe(
      'Key sent to the provider instead of the caller’s credential. Write `"env:NAME"` or `"file:/path"` rather than ' +
        'the key itself. Absent: none is sent.',
    ),
  authorization: z
    .enum(['bearer', 'x-api-key', 'x-goog-api-key'])
    .prefault('bearer')
    .describe(
      'Header that carries the key: `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`.',
    ),
  name: z.string().prefault('').describe('Name to show. Absent: the id.'),
  description: z.string().prefault('').describe('Text to show.'),
  compatibility,
  preference: z
    .int()
    .prefault(0)
    .describe('When several providers serve a model, the higher is asked first.'),
  disabled: z.boolean().prefault(false).describe('Takes it out of routing and of the model list.'),
  add_headers: z
    .array(field.header())
    .prefault([])
    .describe(
      'Headers added to every request, each `"Header-Name: value"`; the value may be `env:NAME` or `file:/path`.',
    ),
})

const grantEntry = z.strictObject({
  role: z
    .enum(['user', 'admin'])
    .optional()
    .describe(
      'Needed at all: who has no role is answered 403. `"admin"` also manages the gateway.',
    ),
  models: z
    .union([field.modelPattern(), z.array(field.modelPattern())])
    .optional()
    .describe(
      'Which models, as `provider/model`: `*` stands for anything but a slash, `?` for one character, `**` as a whole ' +
        'segment for any segments. One pattern, or several in a list.',
    ),
})

const grant = z.strictObject({
  src: z
    .array(field.grantSource())
    .min(1)
    .describe(
      'Who: a login, `"group:name"`, `"*"` (everyone who has proved who they are) or `"(loopback)"` (every program on ' +
        'this machine, without a password).',
    ),
  app: z
    .strictObject({
      'tailscale.com/cap/aperture': z
        .array(grantEntry)
        .describe('What: roles and models. Several entries and several grants add up.'),
    })
    .describe('Capabilities, under the name that Aperture gives them.'),
})

const user = z.strictObject({
  password: field
    .passwordHash()
    .describe(
      'bcrypt hash (`$2a$`, `$2b$` or `$2y$`), cost 4 to 16, as `postern user add` writes it; `"env:NAME"` and ' +
        '`"file:/path"` work. Each step of cost doubles the time of a check: above 12 it is half a second and more.',
    ),
  login: field
    .login()
    .optional()
    .describe('Who this is in grants and in the ledger. Absent: the user name.'),
  groups: z
    .array(field.groupName())
    .prefault([])
    .describe('Groups this user is in, as `"group:name"`.'),
})

export const configSchema = z.strictObject({
  mode: z
    .enum(['local'])
    .prefault('local')
    .describe('Which door is open. `"local"`: this machine, and what `listeners` opens.'),
  front: z
    .enum(['none', 'caddy'])
    .prefault('none')
    .describe(
      'Who stands in front and ends TLS. With `"caddy"`, name it in `trusted_proxies`, or everyone looks like this machine.',
    ),
  listeners,
  allowed_hosts: z
    .array(field.hostName())
    .prefault([])
    .describe('Host names, beside loopback, that the dashboard answers to.'),
  webui,
  providers: z
    .record(z.string(), provider)
    .prefault({})
    .describe(
      'Model servers, by id (letters, digits, `.`, `_`, `-`). Empty: Postern looks for model servers on loopback, and ' +
        'its demo model stands in when there are none.',
    ),
  grants: z
    .array(grant)
    .optional()
    .describe(
      'Who may do what; nothing is allowed without one. Absent altogether: the user `owner`, if there is one, is admin ' +
        'and may use every model.',
    ),
  groups: z
    .record(z.string(), z.array(field.login()))
    .prefault({})
    .describe('Logins by group: `{ "group:family": ["alice@example.com", "bob"] }`.'),
  users: z
    .record(z.string(), user)
    .prefault({})
    .describe(
      'People and programs that sign in with a password, by user name. Names that differ only in case are refused.',
    ),
  rate_limits: rateLimits,
  auth_failures: authFailures,
  limits,
  database,
  log,
})

/** The file after validation, before it takes the shape the rest of the program knows. */
export type ConfigFile = z.output<typeof configSchema>
