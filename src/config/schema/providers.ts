import { z } from 'zod'
import * as field from '../values/fields/fields.ts'
import { pathPattern } from '../values/path-pattern.ts'
import { providerKey } from '../values/provider-key.ts'

const flag = (path: string) => z.boolean().optional().describe(`\`POST ${path}\`.`)

const compatibility = z
  .strictObject({
    openai_chat: z
      .boolean()
      .optional()
      .describe(
        '`POST /v1/chat/completions`. On, unless this object turns another flag on and is silent here.',
      ),
    openai_responses: flag('/v1/responses'),
    anthropic_messages: flag('/v1/messages'),
    gemini_generate_content: flag('/v1beta/models/{model}:generateContent'),
    google_generate_content: flag(
      '/v1/projects/{project}/locations/{region}/publishers/google/models/{model}:generateContent',
    ),
    google_raw_predict: flag(
      '/v1/projects/{project}/locations/{region}/publishers/anthropic/models/{model}:rawPredict',
    ),
    bedrock_model_invoke: flag('/bedrock/model/{model}/invoke'),
    bedrock_converse: flag('/bedrock/model/{model}/converse'),
    ollama: flag('/ollama/api/chat'),
    experimental_gemini_cli_vertex_compat: z
      .boolean()
      .optional()
      .describe('Leads the short paths of Gemini’s clients to Vertex.'),
  })
  .optional()
  .describe(
    'Request shapes this provider understands. Absent: those of a server that is recognised (llama.cpp, LM Studio, ' +
      'Ollama, SGLang, vLLM), else `openai_chat`.',
  )

const usd = (text: string) => z.number().min(0).optional().describe(text)

const price = z.strictObject({
  input: usd('USD per million tokens of the prompt.'),
  output: usd('USD per million tokens of the answer.'),
  input_above_200k: usd('Instead of `input`, when the prompt has more than 200,000 tokens.'),
  output_above_200k: usd('Instead of `output`, when the prompt has more than 200,000 tokens.'),
  input_cache_read: usd('USD per million tokens read from the provider’s cache.'),
  input_cache_write: usd('USD per million tokens written to it.'),
  input_cache_write_1h: usd('USD per million tokens written to it for an hour.'),
  internal_reasoning: usd(
    'USD per million tokens of reasoning, where they have a price of their own.',
  ),
  image: usd('USD per million tokens of pictures in the prompt.'),
  input_audio: usd('USD per million tokens of sound in the prompt.'),
  output_audio: usd('USD per million tokens of sound in the answer.'),
  audio_hour: usd('USD per hour of sound that it writes down.'),
  picture: usd('USD for each picture that it makes.'),
  web_search: usd('USD for each web search.'),
  request: usd('USD for each request.'),
  second: usd('USD per second that the provider works for a request.'),
  watts: usd('What the machine draws while it works: with `kwh`, another price per second.'),
  kwh: usd('USD per kilowatt-hour.'),
})

const costMapping = z.strictObject({
  match: z
    .string()
    .min(1)
    .refine((pattern) => pathPattern(pattern) !== undefined, 'is not a pattern')
    .describe(
      'Which of the models: `*` stands for anything but a slash, `?` for one character, `[a-z]` for one of these.',
    ),
  as: z.string().min(1).describe('The known model whose prices hold.'),
  adjustment: z.number().min(0).prefault(1).describe('By which they are multiplied.'),
})

const limits = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .describe('Requests it is given at once. Absent: any number.'),
    queue: z
      .int()
      .min(0)
      .max(100_000)
      .prefault(64)
      .describe('Requests that may wait for one of those places; more are answered 503.'),
    first_byte: field
      .timer()
      .optional()
      .describe('Until the first byte of its answer. Absent: `limits.first_byte` of the gateway.'),
  })
  .prefault({})
  .describe('How much it is given to do.')

/** A number for every model, or by model. */
const perModel = (text: string) =>
  z
    .union([z.int().min(1), z.record(z.string(), z.int().min(1))])
    .transform(
      (value) => new Map(Object.entries(typeof value === 'number' ? { '*': value } : value)),
    )
    .prefault({})
    .describe(`${text}: a number, or numbers by model, \`"*"\` for the others.`)

export const provider = z.strictObject({
  baseurl: field
    .baseUrl()
    .describe(
      'Root of the server, http or https, with or without `/v1` and slash at the end. A user name or password in it ' +
        'is refused. May be `"env:NAME"`.',
    ),
  version: z
    .string()
    .regex(/^(?:v\d+(?:(?:alpha|beta)\d*)?)?$/, 'is not a version such as "v1"')
    .optional()
    .describe(
      'What stands between a `baseurl` that ends in no version and the path: `"v1"`, or `""` for nothing. Absent: found ' +
        'out by asking for the list of models.',
    ),
  models: z
    .array(field.modelId())
    .prefault([])
    .describe('Exact ids to offer. Absent, `[]` or `["*"]`: the provider is asked for its list.'),
  apikey: providerKey()
    .prefault('')
    .describe(
      'Key sent to the provider instead of the caller’s credential. Write `"env:NAME"` or `"file:/path"` rather than ' +
        'the key itself. `"keyfile::/path"` is a Google service account’s key file (Vertex). Absent: none is sent.',
    ),
  authorization: z
    .enum(['bearer', 'x-api-key', 'x-goog-api-key', 'hec', 'cf-aig-authorization'])
    .prefault('bearer')
    .describe(
      'Header that carries the key: `Authorization: Bearer`, `x-api-key`, `x-goog-api-key`, `Authorization: Splunk` ' +
        '(`hec`), `cf-aig-authorization: Bearer`.',
    ),
  auth_mode: z
    .enum(['', 'override', 'passthrough', 'none'])
    .prefault('')
    .describe(
      'Whose credential the provider gets. `"override"`, also `""`: `apikey`. `"passthrough"`: the client’s own ' +
        '`Authorization` or `x-api-key`, unless it is what the client proved itself to the gateway with; then, or when ' +
        'it sent none, `apikey`. `"none"`: none.',
    ),
  name: z.string().prefault('').describe('Name to show. Absent: the id.'),
  description: z.string().prefault('').describe('Text to show.'),
  compatibility,
  cost_basis: z
    .enum([
      '',
      'anthropic',
      'openai',
      'google',
      'vertex',
      'bedrock',
      'bedrock-us',
      'bedrock-eu',
      'bedrock-ap',
      'azure',
      'azure-eu',
      'openrouter',
      'vercel',
    ])
    .prefault('')
    .describe(
      'Whose list prices hold for models that `prices` does not name. Absent: what `auto_cost_basis` makes of it.',
    ),
  model_cost_map: z
    .array(costMapping)
    .prefault([])
    .describe(
      'Prices of models that no list has, first match wins. Without effect where `auto_cost_basis` is off and there is ' +
        'no `cost_basis`.',
    ),
  prices: z
    .record(z.string(), price)
    .prefault({})
    .describe(
      'What its models cost, by model, `"*"` for the others. Shown by `/v1/models`. Kinds that are not named ' +
        'add nothing; where none is named of what a request did, its cost is unknown.',
    ),
  context_length: perModel('Tokens that fit into the context, instead of what the server tells'),
  max_output_tokens: perModel('Tokens that an answer may have, instead of what the server tells'),
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
  trace_context: z
    .boolean()
    .prefault(false)
    .describe('Passes the client’s `traceparent` and `tracestate` on to this provider.'),
  limits,
  other_models: z
    .enum(['granted', 'any'])
    .prefault('granted')
    .describe(
      'Models that a request names beside `model` (`models`, `fallbacks`, `draft_model`, the model of an image tool, …): ' +
        'with `granted` the caller needs a grant for each at this provider; `any` lets them pass unchecked.',
    ),
  stream_options: z
    .boolean()
    .prefault(true)
    .describe(
      'Asks for the usage of a chat stream (`stream_options`) where its client did not. `false`: never, and what a ' +
        'stream used is estimated. A provider that refuses the field is asked again without it, and not bothered again.',
    ),
  upstream: z
    .string()
    .prefault('')
    .describe('Kind of server, as `/v1/models` tells it. Absent: what the gateway makes of it.'),
})
