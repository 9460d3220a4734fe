import { z } from 'zod'
import { quote } from '../problem.ts'
import * as field from '../values/fields/fields.ts'
import { hookPattern, hookTimeout, hookUrl } from '../values/fields/hook-fields.ts'

export const EVENTS = ['pre_request', 'entire_request', 'tool_call_entire_request'] as const

export const SENT = [
  'request_body',
  'response_body',
  'raw_responses',
  'user_message',
  'tools',
  'grants',
  'estimated_cost',
  'quotas',
] as const

export const KINDS = [
  'private_key',
  'api_key',
  'jwt',
  'email',
  'phone',
  'iban',
  'credit_card',
] as const

/** Of a placeholder, `[REDACTED:name]`, by which it is known again. */
const patternName = () =>
  z.string().transform((text, ctx) => {
    if (/^[a-z][a-z0-9_-]{0,31}$/.test(text)) return text
    const remedy = 'Write small letters, digits, dashes and underscores, 32 at most'
    return field.refuse(ctx, text, `${quote(text)} cannot be the name of a pattern`, remedy)
  })

const redact = z
  .strictObject({
    kinds: z
      .array(z.enum(KINDS))
      .prefault([...KINDS])
      .describe(
        'What is looked for: keys of well-known shapes, private keys, tokens, e-mail addresses, phone numbers, bank ' +
          'accounts (IBAN, with its checksum), credit cards (with theirs).',
      ),
    patterns: z
      .record(patternName(), hookPattern())
      .prefault({})
      .describe(
        'Regular expressions of your own, by the name that the placeholder gets. They take linear time, so back ' +
          'references and lookaround are refused; docs/hooks.md has the syntax.',
      ),
    action: z
      .enum(['replace', 'block'])
      .prefault('replace')
      .describe(
        'What happens: `"replace"` sends the request on with `[REDACTED:email]` and the like in the text; `"block"` ' +
          'answers 403.',
      ),
  })
  .optional()
  .describe('Instead of `url`: a guard inside Postern, for the event `pre_request`.')

const hook = z.strictObject({
  url: hookUrl()
    .prefault('')
    .describe(
      'Where the call goes, http or https, private addresses included. Redirects are not followed. May be `"env:NAME"`.',
    ),
  apikey: field
    .headerSecret()
    .prefault('')
    .describe('Credential shown to it, as `"env:NAME"` or `"file:/path"`. Absent: none.'),
  authorization: z
    .enum(['bearer', 'x-api-key', 'x-goog-api-key', 'hec', 'cf-aig-authorization'])
    .prefault('bearer')
    .describe('Header that carries the key, as for a provider.'),
  secret: field
    .headerSecret()
    .optional()
    .describe(
      'Signs every call (`X-Postern-Signature`), so that the receiver knows it for ours; 32 characters or more, as ' +
        '`"env:NAME"` or `"file:/path"`. Absent: calls are not signed.',
    ),
  timeout: hookTimeout()
    .prefault('5s')
    .describe('How long one call may take; `"0"`: as long as it wants.'),
  disabled: z.boolean().prefault(false).describe('Leaves it out.'),
  fail_policy: z
    .enum(['fail_open', 'fail_closed'])
    .prefault('fail_open')
    .describe(
      'What becomes of a request when its guard (`pre_request`) cannot be reached, is late or answers nonsense: ' +
        '`"fail_open"` lets it go on, `"fail_closed"` answers 503.',
    ),
  preference: z
    .int()
    .prefault(0)
    .describe('Order of several guards: the higher first, then by name.'),
  redact,
})

export const hooks = z
  .record(z.string(), hook)
  .prefault({})
  .describe(
    'Who is asked before a request goes out, or told after it, by name. A hook does nothing until a grant sends it ' +
      'something (`send_hooks`); docs/hooks.md has the calls.',
  )

export const sendHooks = z.array(
  z.strictObject({
    name: z.string().min(1).describe('Of a hook.'),
    events: z
      .array(z.enum(EVENTS))
      .prefault([])
      .describe(
        'When: before the request goes out, and it waits for the answer (`pre_request`); after it, always ' +
          '(`entire_request`) or when the model called a tool (`tool_call_entire_request`).',
      ),
    send: z.array(z.enum(SENT)).prefault([]).describe('What is told beside the metadata.'),
  }),
)
