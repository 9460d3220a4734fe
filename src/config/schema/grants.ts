import { z } from 'zod'
import { resourceFamilies } from '../resources.ts'
import * as field from '../values/fields/fields.ts'
import {
  grantHeader,
  headerNames,
  methods,
  origins,
  providerResource,
} from '../values/fields/grant-fields.ts'
import { sendHooks } from './hooks.ts'
import { quotaRefs } from './quotas.ts'

export const CAPABILITY = 'tailscale.com/cap/aperture'

const later = (text: string) =>
  z
    .unknown()
    .optional()
    .describe(`${text} Accepted as Aperture has it, without effect in this version.`)

/** Keys that only keep Aperture's files readable. */
const withoutEffect = {
  connectors: later('Connectors that may be used.'),
  mcp_tools: later('Deprecated: tools that may be called.'),
  mcp_resources: later('Deprecated: resources that may be read.'),
  mcp_templates: later('Deprecated: templates that may be read.'),
  enable_chat_ui: later('Chat in the dashboard.'),
  direct_paths: later('Paths below `/direct` that may be used.'),
  skills: later('Skills of the chat.'),
}

export const WITHOUT_EFFECT: readonly string[] = Object.keys(withoutEffect)

export const grantEntry = z.strictObject({
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
        'segment for any segments. One pattern, or several in a list. The rest of the entry then goes for these models, ' +
        'and without `models` for all.',
    ),
  provider_resources: z
    .array(providerResource())
    .optional()
    .describe(
      'What of a provider’s own account may be used, each as `"provider/family"`: ' +
        `${resourceFamilies.map((family) => `\`${family}\``).join(', ')}. A caller with a family sees what other ` +
        'callers keep there (docs/resources.md). Ours.',
    ),
  add_headers: z
    .array(grantHeader())
    .optional()
    .describe(
      'Headers sent along to the provider, each `"Header-Name: value"`, in place of its own `add_headers` of that name ' +
        'and of its key.',
    ),
  send_hooks: sendHooks
    .optional()
    .describe(
      'Hooks that these requests are sent to. The same hook in several entries is called once, with all their events ' +
        'and everything they send.',
    ),
  quotas: quotaRefs.optional(),
  capture: z
    .strictObject({
      bodies: z
        .array(z.enum(['request', 'response', 'tools']))
        .min(1)
        .prefault(['request', 'response'])
        .describe('Which: `"tools"` are the calls that the model made.'),
      max: field
        .captureSize()
        .prefault('64KiB')
        .describe('Most of each that is kept, from its beginning; 1MiB at most.'),
      redact: z
        .boolean()
        .prefault(false)
        .describe(
          'Without what the built-in guard finds, as in `hooks`: secrets and personal data.',
        ),
    })
    .optional()
    .describe(
      'Keeps what is asked and answered, as long as `database.retention.duration` says. Ours. Several entries add up; one ' +
        'that redacts does so for all.',
    ),
  read_metrics: z.boolean().optional().describe('May read `/metrics`.'),
  read_pricing: z
    .boolean()
    .optional()
    .describe('May read the price list; being admin is not enough.'),
  filterable_headers: z
    .array(z.union([z.literal('*'), field.headerName()]))
    .optional()
    .describe(
      'Headers of `database.headers.filterable` by which they may look for requests; `"*"`: all. Being admin is not enough.',
    ),
  set_cors: z
    .boolean()
    .optional()
    .describe(
      'Lets web pages of other origins, named in `Access-Control-Allow-Origin`, use the API from a browser.',
    ),
  cors_paths: z
    .array(field.pathPattern())
    .optional()
    .describe('For these paths of the API only, such as `"/v1/**"`. Absent: all.'),
  'Access-Control-Allow-Origin': origins()
    .optional()
    .describe(
      'Origins whose pages may: `"https://app.example.com"`, several with commas between them, or `"*"`. With `"*"`, any ' +
        'page that somebody on your tailnet opens can use models in their name.',
    ),
  'Access-Control-Allow-Methods': methods()
    .optional()
    .describe('Methods their requests may have. Absent: `"GET, POST"`.'),
  'Access-Control-Allow-Headers': headerNames()
    .optional()
    .describe('Headers their requests may have. Absent: those that the page asks for.'),
  ...withoutEffect,
})

export type GrantEntryFile = z.output<typeof grantEntry>

export const grant = z.strictObject({
  src: z
    .array(field.grantSource())
    .describe(
      'Who: a login; `"group:name"`; `"tag:ci"`, a tagged node with exactly this tag, or `"tag:api,tag:prod"` with ' +
        'exactly these, sorted; `"*"`, everyone who has proved who they are; `"(owner)"`, tailnet callers whose user ' +
        'also owns the node this gateway runs on; `"(loopback)"`, every program on this machine, without a password. ' +
        '`[]`: no caller.',
    ),
  via: z
    .array(z.enum(['public', 'tailnet', 'local']))
    .min(1)
    .optional()
    .describe(
      'Through which door only: `"public"`, `"tailnet"` or `"local"` (this machine). Absent: any.',
    ),
  shared: z
    .boolean()
    .prefault(false)
    .describe(
      '`"*"` also means users of other tailnets whose machines are shared into yours. Otherwise they must be named by ' +
        'their full login.',
    ),
  ip: z
    .unknown()
    .optional()
    .describe('Of Aperture’s files and the tailnet’s policy; without effect in this version.'),
  app: z
    .object({
      [CAPABILITY]: z
        .array(grantEntry)
        .prefault([])
        .describe('What: roles and models. Several entries and several grants add up.'),
    })
    .catchall(z.array(z.unknown()).describe('A capability of your own: not read, but kept.'))
    .describe('Capabilities, under the name that Aperture gives them.'),
})

export const grants = z
  .array(grant)
  .optional()
  .describe(
    'Who may do what; nothing is allowed without one. Absent altogether: the user `owner`, if there is one, and tailnet ' +
      'callers whose user also owns this gateway’s node are admins and may use every model.',
  )

export const temporaryGrants = z
  .array(grant)
  .optional()
  .describe('Deprecated name of Aperture’s: more `grants`.')
