import type { Dialect } from '../platform/upstream.ts'

/** What the calls of one family share: which providers have them, and who keeps what they make. */
interface FamilyShape {
  /** Whose API has it. */
  readonly vendors: readonly [Vendor, ...Vendor[]]
  /** `METHOD…  path below /v1`; `:` stands for the id of one object. */
  readonly calls: readonly string[]
}

export type Vendor = 'openai' | 'anthropic'

const GET = 'GET'
const POST = 'POST'
const DELETE = 'DELETE'
/** Makes one and lists them; shows, changes and deletes one. */
const collection = (path: string): string[] => [
  `${GET} ${POST} ${path}`,
  `${GET} ${POST} ${DELETE} ${path}/:`,
]

/**
 * What a provider keeps for the account that its key belongs to, and the calls on it. Everything that is not here stays
 * 404, whatever a provider serves: the administration of an account (`organization`, `projects`), and the paths by which
 * servers load, build and delete models.
 */
const shapes = {
  assistants: {
    vendors: ['openai'],
    calls: [
      ...collection('assistants'),
      'POST threads',
      'GET POST DELETE threads/:',
      'GET POST threads/:/messages',
      'GET POST DELETE threads/:/messages/:',
      'POST threads/runs',
      'GET POST threads/:/runs',
      'GET POST threads/:/runs/:',
      'POST threads/:/runs/:/cancel',
      'POST threads/:/runs/:/submit_tool_outputs',
      'GET threads/:/runs/:/steps',
      'GET threads/:/runs/:/steps/:',
    ],
  },
  batches: {
    vendors: ['openai'],
    calls: ['GET POST batches', 'GET batches/:', 'POST batches/:/cancel'],
  },
  chatkit: {
    vendors: ['openai'],
    calls: [
      'POST chatkit/sessions',
      'POST chatkit/sessions/:/cancel',
      'GET chatkit/threads',
      'GET DELETE chatkit/threads/:',
      'GET chatkit/threads/:/items',
    ],
  },
  containers: {
    vendors: ['openai'],
    calls: [
      'GET POST containers',
      'GET DELETE containers/:',
      'GET POST containers/:/files',
      'GET DELETE containers/:/files/:',
      'GET containers/:/files/:/content',
    ],
  },
  content_provenance_checks: {
    vendors: ['openai'],
    calls: ['POST content_provenance_checks'],
  },
  conversations: {
    vendors: ['openai'],
    calls: [
      'POST conversations',
      'GET POST DELETE conversations/:',
      'GET POST conversations/:/items',
      'GET DELETE conversations/:/items/:',
    ],
  },
  evals: {
    vendors: ['openai'],
    calls: [
      ...collection('evals'),
      ...collection('evals/:/runs'),
      'GET evals/:/runs/:/output_items',
      'GET evals/:/runs/:/output_items/:',
    ],
  },
  files: {
    vendors: ['openai', 'anthropic'],
    calls: ['GET POST files', 'GET DELETE files/:', 'GET files/:/content'],
  },
  fine_tuning: {
    vendors: ['openai'],
    calls: [
      'GET POST fine_tuning/jobs',
      'GET fine_tuning/jobs/:',
      'POST fine_tuning/jobs/:/cancel',
      'POST fine_tuning/jobs/:/pause',
      'POST fine_tuning/jobs/:/resume',
      'GET fine_tuning/jobs/:/checkpoints',
      'GET fine_tuning/jobs/:/events',
      'GET POST fine_tuning/checkpoints/:/permissions',
      'DELETE fine_tuning/checkpoints/:/permissions/:',
      'POST fine_tuning/alpha/graders/run',
      'POST fine_tuning/alpha/graders/validate',
    ],
  },
  message_batches: {
    vendors: ['anthropic'],
    calls: [
      'GET POST messages/batches',
      'GET DELETE messages/batches/:',
      'POST messages/batches/:/cancel',
      'GET messages/batches/:/results',
    ],
  },
  realtime: {
    vendors: ['openai'],
    calls: [
      'POST realtime/client_secrets',
      'POST realtime/sessions',
      'POST realtime/transcription_sessions',
      'POST realtime/translations/client_secrets',
      'POST realtime/calls',
      'POST realtime/calls/:/accept',
      'POST realtime/calls/:/hangup',
      'POST realtime/calls/:/refer',
      'POST realtime/calls/:/reject',
    ],
  },
  responses: {
    vendors: ['openai'],
    calls: ['GET DELETE responses/:', 'POST responses/:/cancel', 'GET responses/:/input_items'],
  },
  skills: {
    vendors: ['openai', 'anthropic'],
    calls: [
      ...collection('skills'),
      'GET skills/:/content',
      'GET POST skills/:/versions',
      'GET DELETE skills/:/versions/:',
      'GET skills/:/versions/:/content',
    ],
  },
  stored_completions: {
    vendors: ['openai'],
    calls: [
      'GET chat/completions',
      'GET POST DELETE chat/completions/:',
      'GET chat/completions/:/messages',
    ],
  },
  traces: { vendors: ['openai'], calls: ['POST traces/ingest'] },
  uploads: {
    vendors: ['openai'],
    calls: [
      'POST uploads',
      'POST uploads/:/parts',
      'POST uploads/:/complete',
      'POST uploads/:/cancel',
    ],
  },
  vector_stores: {
    vendors: ['openai'],
    calls: [
      ...collection('vector_stores'),
      'POST vector_stores/:/search',
      'GET POST vector_stores/:/files',
      'GET POST DELETE vector_stores/:/files/:',
      'GET vector_stores/:/files/:/content',
      'POST vector_stores/:/file_batches',
      'GET vector_stores/:/file_batches/:',
      'POST vector_stores/:/file_batches/:/cancel',
      'GET vector_stores/:/file_batches/:/files',
    ],
  },
  videos: {
    vendors: ['openai'],
    calls: [
      'GET POST videos',
      'GET DELETE videos/:',
      'GET videos/:/content',
      'POST videos/:/remix',
      'POST videos/characters',
      'GET videos/characters/:',
      'POST videos/edits',
      'POST videos/extensions',
    ],
  },
  voices: {
    vendors: ['openai'],
    calls: ['POST audio/voices', ...collection('audio/voice_consents')],
  },
} as const satisfies Readonly<Record<string, FamilyShape>>

export type ResourceFamily = keyof typeof shapes

export const resourceFamilies = Object.keys(shapes) as readonly ResourceFamily[]

/** One call on what a provider keeps, as a request names it. */
export interface ResourceCall {
  readonly family: ResourceFamily
  /** Whose API has it; both have files and skills. */
  readonly vendors: readonly [Vendor, ...Vendor[]]
  /** Below the version, with the ids: `files/file-abc/content`. */
  readonly operation: string
  /** With `:` for each id: `files/:/content`. */
  readonly shape: string
}

interface Pattern extends Omit<ResourceCall, 'operation'> {
  readonly methods: readonly string[]
  readonly matches: RegExp
}

/** One segment. Dot segments and what encodes a slash were refused before (http/target). */
const ID = "[\\w.:~@!$&'()*+,=%-]+"

const patternOf = (call: string, family: ResourceFamily): Pattern => {
  const words = call.split(' ')
  const shape = words.at(-1) ?? ''
  const segments = shape.split('/').map((segment) => (segment === ':' ? ID : segment))
  return {
    family,
    vendors: shapes[family].vendors,
    shape,
    methods: words.slice(0, -1),
    matches: new RegExp(`^/v1/${segments.join('/')}$`),
  }
}

/** Those without ids in their place first: `threads/runs` is not a thread. */
const patterns: readonly Pattern[] = resourceFamilies
  .flatMap((family) => shapes[family].calls.map((call) => patternOf(call, family)))
  .toSorted((a, b) => idsIn(a.shape) - idsIn(b.shape))

function idsIn(shape: string): number {
  return shape.split('/').filter((segment) => segment === ':').length
}

/** The model of one's own that a fine-tuning made is deleted like this; nothing else is a model's to lose. */
const OWN_MODEL = /^\/v1\/(models\/ft:[\w.:~-]+)$/

/** What a request asks of a provider's account; undefined where the path or its method is not in the table. */
export const resourceCall = (method: string, path: string): ResourceCall | undefined => {
  const model = method === DELETE ? OWN_MODEL.exec(path)?.[1] : undefined
  if (model !== undefined) {
    const { vendors } = shapes.fine_tuning
    return { family: 'fine_tuning', vendors, operation: model, shape: 'models/:' }
  }
  const found = patterns.find(
    ({ methods, matches }) => methods.includes(method) && matches.test(path),
  )
  if (!found) return undefined
  const { family, vendors, shape } = found
  return { family, vendors, shape, operation: path.slice('/v1/'.length) }
}

/** What these calls are, for stages that tell operations apart. */
export const RESOURCE = 'resource'

/** Which of a provider's dialects show that it has a vendor's API. */
export const dialectsOf: Readonly<Record<Vendor, readonly [Dialect, ...Dialect[]]>> = {
  openai: ['openai_chat', 'openai_responses'],
  anthropic: ['anthropic_messages'],
}
