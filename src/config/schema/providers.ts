import { z } from 'zod'
import * as field from '../values/fields.ts'

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

export const provider = z.strictObject({
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
