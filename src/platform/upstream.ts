/** How a provider wants to be shown its key. */
export type Authorization =
  | 'bearer'
  | 'x-api-key'
  | 'x-goog-api-key'
  | 'hec'
  | 'cf-aig-authorization'

/** Whose credential a provider is shown: ours, the client's own where it has one, or none. */
export type AuthMode = 'override' | 'passthrough' | 'none'

/** Request shapes a provider understands; the flags of a provider's `compatibility`. */
export type Dialect =
  | 'openai_chat'
  | 'openai_responses'
  | 'anthropic_messages'
  | 'gemini_generate_content'
  | 'google_generate_content'
  | 'google_raw_predict'
  | 'bedrock_model_invoke'
  | 'bedrock_converse'
  | 'ollama'

/** A Google service account, of which OAuth tokens are made (Vertex). */
export interface ServiceAccount {
  readonly email: string
  readonly projectId: string
  /** PKCS#8, as PEM. */
  readonly privateKey: string
  readonly privateKeyId?: string
  /** Where a signed assertion is traded for a token. */
  readonly tokenUri: string
}

/** USD per million tokens, by kind. A kind without a rate of its own has that of the whole it is part of. */
export interface Rates {
  readonly input?: number
  readonly output?: number
  readonly inputCacheRead?: number
  readonly inputCacheWrite?: number
  readonly inputCacheWrite1h?: number
  readonly internalReasoning?: number
  /** Pictures that are shown to the model. */
  readonly image?: number
  readonly inputAudio?: number
  readonly outputAudio?: number
}

/** What a model costs. */
export interface Price extends Rates {
  /** USD for each. */
  readonly webSearch?: number
  /** USD for each. */
  readonly request?: number
  /** USD per second that the provider works. */
  readonly second?: number
  /** USD per hour of sound that is listened to. */
  readonly audioHour?: number
  /** USD for each that is made. */
  readonly picture?: number
  /** Other rates for the whole request, once its input has more tokens than that. Rising. */
  readonly tiers?: readonly (Rates & { readonly above: number })[]
}

/** Whose list a price is taken from. */
export type CostBasis =
  | 'anthropic'
  | 'openai'
  | 'google'
  | 'vertex'
  | 'bedrock'
  | 'bedrock-us'
  | 'bedrock-eu'
  | 'bedrock-ap'
  | 'azure'
  | 'azure-eu'
  | 'openrouter'
  | 'vercel'

/** A model that no price list knows, and the known one that it costs like. */
export interface CostMapping {
  /** As Go's `path.Match` reads it: `*` is any run of characters but a slash, `?` one character. */
  readonly match: string
  readonly as: string
  readonly adjustment: number
}

/** How much a provider is given to do at a time. */
export interface ProviderLimits {
  /** Requests under way at once. */
  readonly concurrency?: number
  /** Requests that may wait for one of those places. */
  readonly queue: number
  /** ms until the first byte, instead of the gateway's own limit. */
  readonly firstByte?: number
}

/** A model server the gateway may send requests to. */
export interface Provider {
  readonly id: string
  readonly name: string
  readonly description?: string
  /** As configured; `join.ts` makes request URLs of it. The built-in demo has `demo:`. */
  readonly baseurl: string
  /** Exact upstream model ids. */
  readonly models: readonly string[]
  readonly apikey: string
  /** Takes the place of `apikey`. */
  readonly serviceAccount?: ServiceAccount
  readonly authorization: Authorization
  readonly authMode: AuthMode
  readonly dialects: ReadonlySet<Dialect>
  /** Its dialects follow from which server it is, and that is not known yet. */
  readonly undecided?: boolean
  /** The configuration names its dialects. */
  readonly dialectsGiven?: boolean
  /** As configured: what stands between a base without a version and every operation. */
  readonly version?: string
  /** What stands there instead of the dialect's usual version, by that. */
  readonly versions?: Readonly<Record<string, string>>
  /** `traceparent` and `tracestate` of the client go to it. */
  readonly traceContext?: boolean
  readonly addHeaders: readonly (readonly [name: string, value: string])[]
  /** Higher is asked first. */
  readonly preference: number
  readonly disabled: boolean
  /** Which server this is, when its answers could tell: `ollama`, `lmstudio`, `vllm`, `sglang`, `llamacpp`, `demo`. */
  readonly server?: string
  /** Its version, where it tells one. */
  readonly serverVersion?: string
  /** What its owner says it is, for `/v1/models`. */
  readonly upstream?: string
  /** Gemini's own paths lead to Vertex here. */
  readonly geminiByVertex?: boolean
  readonly limits?: ProviderLimits
  /** Models that a body names beside `model`: only granted ones (default), or any. */
  readonly otherModels?: 'granted' | 'any'
  /** May it be sent `stream_options` that the client did not send? Default true. */
  readonly streamOptions?: boolean
  /** By model; `*` is for every other one. */
  readonly prices?: ReadonlyMap<string, Price>
  /** Whose list prices hold for models without a price of their own. */
  readonly costBasis?: CostBasis
  /** It follows from the address and the dialects; the owner named none. */
  readonly costBasisInferred?: boolean
  /** First match wins. */
  readonly modelCostMap?: readonly CostMapping[]
  /** Facts per model for `/v1/models`, where the server or the configuration told them. */
  readonly details: ReadonlyMap<string, ModelDetails>
}

export interface ModelDetails {
  readonly contextLength?: number
  readonly maxOutputTokens?: number
  readonly loaded?: boolean
  readonly ownedBy?: string
  readonly modalities?: Modalities
  /** When the model was made, s since the epoch, where the server knows. */
  readonly created?: number
  /** What Gemini calls its generation methods. */
  readonly methods?: readonly string[]
  /** Rows of Ollama's own lists (`/api/tags`, `/api/ps`), as it tells them. */
  readonly listed?: Readonly<Record<string, unknown>>
  readonly running?: Readonly<Record<string, unknown>>
}

/** What goes in and comes out: `text`, `image`, `audio`, … */
export interface Modalities {
  readonly input: readonly string[]
  readonly output: readonly string[]
}

/** One way to serve a request: this provider, this model id. */
export interface Candidate {
  readonly provider: Provider
  /** The id to send upstream, without a `provider/` prefix. */
  readonly model: string
}

/** A body whose pieces are let go as they are sent. */
export interface UpstreamBody extends AsyncIterable<Uint8Array> {
  /** Bytes. */
  readonly size: number
}

/** In the order they came, names in lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** What the transport is asked to send. */
export interface UpstreamRequest {
  /** `http://host:port` or `https://host`, never with a path. */
  readonly origin: string
  /** Path and query, beginning with `/`. */
  readonly path: string
  readonly method: string
  readonly headers: HeaderList
  /** With a `size` the length is known; read once. */
  readonly body: Uint8Array | UpstreamBody | ReadableStream<Uint8Array> | null
}

/**
 * Who receives the answer. Calls come in this order: `head` once, `data` any number of times, then exactly one of
 * `end` (the answer is complete) or `error` (it is not, and must not be made to look so). After `abort` nothing comes.
 */
export interface UpstreamSink {
  head(status: number, headers: HeaderList): void
  data(chunk: Uint8Array): void
  end(): void
  error(error: UpstreamError): void
}

/** The running exchange, for backpressure and for leaving. */
export interface UpstreamCall {
  pause(): void
  resume(): void
  /** Closes the upstream connection at once. Safe to call more than once, and after the end. */
  abort(): void
}

/**
 * Starts one exchange. Follows no redirects, sets no time limit, decompresses nothing, and repeats nothing but a GET
 * whose connection was lost before a byte of the answer.
 * The sink may be called before this returns.
 */
export type Send = (request: UpstreamRequest, sink: UpstreamSink) => UpstreamCall

/** `connect`: nothing was sent, so another candidate may be tried. `broken`: something was. */
export type UpstreamErrorKind = 'connect' | 'broken'

/** A failure on the way to a provider. The message is for the log only: it may hold host names. */
export class UpstreamError extends Error {
  readonly kind: UpstreamErrorKind
  constructor(kind: UpstreamErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UpstreamError'
    this.kind = kind
  }
}

/** Base URL of the built-in demo model; the transport never sees it. */
export const demoBase = 'demo:'

/** Where a model name leads. `none` says why there is no candidate. */
export type RouteResult =
  | { readonly candidates: readonly [Candidate, ...Candidate[]]; readonly none?: undefined }
  | { readonly candidates: readonly []; readonly none: NoRoute }

/** For those who may know: the providers named are the ones that stand in the way. */
export interface NoRoute {
  readonly cause: 'not_listed' | 'disabled' | 'dialect_not_spoken'
  readonly providers: readonly string[]
  /** The same with the model, to tell who may know of them. */
  readonly inTheWay: readonly Candidate[]
}

/**
 * What became of asking one provider: an answer to pass on, an error to pass on, no connection, one that broke, none in
 * time, or an answer that no client may see (a refusal of our own credential, a redirect).
 */
export type Attempt = 'answered' | 'error' | 'connect' | 'broken' | 'timeout' | 'refused'

/** How a provider did when it was last asked. Times are wall-clock ms since the epoch. */
export interface Health {
  /** Whether the last request was answered. */
  readonly up: boolean
  readonly answeredAt: number | null
  /** The last that was not, or with an error. `reason` is for the provider's owner: it may name addresses. */
  readonly failure: { readonly at: number; readonly kind: string; readonly reason: string } | null
}
