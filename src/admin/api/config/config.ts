import { z } from 'zod'
import { changedLines } from '../../../config/changed-lines.ts'
import type { Config } from '../../../config/config.ts'
import { setAt } from '../../../config/edit.ts'
import { hideSecrets, restoreSecrets } from '../../../config/keep.ts'
import { newReferences } from '../../../config/new-references.ts'
import type { ParseResult } from '../../../config/parse.ts'
import type { Problem } from '../../../config/problem.ts'
import { type Detail, Failure } from '../../../platform/failure.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { ConfigVersion } from '../../../platform/records/act.ts'
import type { Audit } from '../audit.ts'
import { type AdminRequest, type AdminRoute, route } from '../route.ts'
import type { ConfigDocument } from './document.ts'

export interface ConfigRoutesOptions {
  readonly document: ConfigDocument
  readonly audit: Audit
  readonly platform: Pick<Platform, 'clock' | 'newId'>
  /** Would who sends this request still be admin under that configuration? */
  readonly staysAdmin: (c: AdminRequest<unknown>['c'], next: Config) => boolean
}

const text = z.object({ config: z.string().describe('The configuration, as HuJSON.') })
type Text = z.output<typeof text>

const verdict = z.object({
  valid: z.boolean(),
  errors: z.array(z.string()).nullable().describe('Null when there are none.'),
})

/** Ours says besides where each error is; Aperture's answer has exactly two members. */
const locatedVerdict = verdict.extend({
  problems: z
    .array(z.object({ line: z.int().nullable(), message: z.string() }))
    .optional()
    .describe('The same errors with their lines; absent when there are none.'),
})

const wantedMode = z.strictObject({ mode: z.enum(['local', 'serve', 'funnel', 'both']) })
type WantedMode = z.output<typeof wantedMode>

/** Which doors are open, without the rest: for one tap on a telephone. */
export const modeRoutes = (options: ConfigRoutesOptions): AdminRoute[] => [
  route({
    method: 'put',
    path: '/postern/api/mode',
    id: 'putMode',
    summary:
      'Which doors are open, in force with the next request; what tailscaled leads here is left as it is.',
    needs: 'admin',
    body: wantedMode,
    answers: wantedMode,
    action: 'mode.set',
    handle: async (request: AdminRequest<WantedMode>) => {
      const { c, body } = request
      const current = await options.document.read()
      const edited = setAt(current.text, ['mode'], body.mode)
      const { problems, config } = options.document.parse(edited)
      if (!config) throw refusal(problems.map(toDetail))
      if (!options.staysAdmin(c, config)) throw refusal([lockedOut])
      await apply(options, c, current, edited, 'mode.set')
      return c.json(body)
    },
  }),
]

/** The configuration as Aperture's API reads and writes it, and the same under our own path. */
export const configRoutes = (options: ConfigRoutesOptions): AdminRoute[] =>
  ['/aperture', '/postern/api'].flatMap((base) => [
    route({
      method: 'get',
      path: `${base}/config`,
      id: base === '/aperture' ? 'get-config' : 'getConfig',
      summary:
        'The configuration, its secrets as "keep:…" marks that stand for them when they come back. ETag names the version.',
      needs: 'admin',
      answers: text,
      handle: (request) => show(options, request),
    }),
    route({
      method: 'put',
      path: `${base}/config`,
      id: base === '/aperture' ? 'set-config' : 'putConfig',
      summary:
        'Puts a configuration in force. If-Match names the version it was made from; 412 when that is no longer in force.',
      needs: 'admin',
      body: text,
      headers: ifMatch,
      answers: text,
      action: 'config.replace',
      handle: (request: AdminRequest<Text>) => put(options, request),
    }),
    route({
      method: 'post',
      path: `${base}/config:validate`,
      id: base === '/aperture' ? 'validate-config' : 'validateConfig',
      summary:
        'What would stand in the way of a configuration; nothing changes. Warnings count, but for those that the one in force has.',
      needs: 'admin',
      body: text,
      answers: base === '/aperture' ? verdict : locatedVerdict,
      handle: async (request: AdminRequest<Text>) => {
        const problems = located(await judge(options, request.body.config))
        if (problems.length === 0) return request.c.json({ valid: true, errors: null })
        const errors = problems.map(({ message }) => message)
        return request.c.json({
          valid: false,
          errors,
          ...(base !== '/aperture' && { problems }),
        })
      },
    }),
  ])

const older = z.object({ config: z.string(), hash: z.string() })
type Older = z.output<typeof older>

const replaced = z.object({ success: z.boolean(), new_hash: z.string() })

/** The same as Aperture had it before, for programs that still ask there. */
export const olderConfigRoutes = (options: ConfigRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/api/config',
    id: 'getOlderConfigAsAperture',
    summary: 'The configuration, and a hash that names its version.',
    needs: 'admin',
    answers: older,
    handle: async ({ c }) => {
      const { text: current, version } = await options.document.read()
      return c.json({ config: shown(current), hash: version })
    },
  }),
  route({
    method: 'put',
    path: '/api/config',
    id: 'putOlderConfigAsAperture',
    summary: 'Puts a configuration in force; 412 when the hash is not that of the one in force.',
    needs: 'admin',
    body: older,
    answers: replaced,
    action: 'config.replace',
    handle: async ({ c, body }: AdminRequest<Older>) => {
      const now = await replace(options, c, body.config, body.hash)
      return c.json({ success: true, new_hash: now.version })
    },
  }),
]

const ifMatch = {
  'If-Match': { needed: true, what: 'ETag of the version that the edit was made from, or *.' },
}

const show = async (
  { document }: ConfigRoutesOptions,
  { c }: AdminRequest<unknown>,
): Promise<Response> => {
  const { text: current, version } = await document.read()
  return c.json({ config: shown(current) }, 200, { etag: `"${version}"` })
}

/** What is not HuJSON is shown to nobody: a secret could stand anywhere in it. */
const shown = (current: string): string => {
  const hidden = hideSecrets(current)
  if (hidden === undefined) {
    throw new Failure('internal_error', 'The file on disk is not HuJSON. Run `postern check`.')
  }
  return hidden
}

const put = async (
  options: ConfigRoutesOptions,
  { c, body }: AdminRequest<Text>,
): Promise<Response> => {
  const wanted = c.req.header('if-match')?.replace(/^W\/|"/g, '')
  if (!wanted) throw refusal([{ location: 'header.If-Match', message: 'is required' }])
  const now = await replace(options, c, body.config, wanted)
  return c.json({ config: shown(now.text) }, 200, { etag: `"${now.version}"` })
}

/** @param wanted the version that the edit was made from, or `*` */
const replace = async (
  options: ConfigRoutesOptions,
  c: AdminRequest<unknown>['c'],
  edited: string,
  wanted: string,
): Promise<{ readonly text: string; readonly version: string }> => {
  if (edited.trim() === '') {
    throw refusal([{ location: 'body.config', message: 'config must not be empty' }])
  }
  const { current, restored, problems, unknown, forbidden, config } = await judge(options, edited)
  if (wanted !== '*' && wanted !== current.version) throw stale()
  if (forbidden.length > 0) {
    const detail = forbidden.map(({ message }) => message).join(' | ')
    await options.audit(c, 'config.replace', 'denied', { target: 'configuration', detail })
  }
  const details = [...unknown, ...forbidden, ...problems.map(toDetail)]
  // Also of warnings, as in Aperture: a person who saves is there to read them.
  if (details.length > 0 || !config) throw refusal(details)
  if (!options.staysAdmin(c, config)) {
    throw refusal([lockedOut])
  }
  await apply(options, c, current, restored, 'config.replace')
  return options.document.read()
}

const lockedOut: Detail = {
  location: 'grants',
  message: 'this change would remove your own admin role',
}

const apply = async (
  options: ConfigRoutesOptions,
  c: AdminRequest<unknown>['c'],
  current: { readonly text: string; readonly version: string },
  restored: string,
  action: string,
): Promise<void> => {
  const { document, audit } = options
  const [before, next] = versionsOf(options, c, shown(current.text), shown(restored))
  const target = 'configuration'
  const kept = { kind: 'config.keep', versions: [before, next] } as const
  await audit(c, action, 'done', { target, detail: next.changes, change: kept })
  const failed = (detail: string) =>
    audit(c, action, 'failed', { target, detail, change: { kind: 'config.withdraw', id: next.id } })
  const outcome = await document
    .replace(restored, current.version)
    .catch(async (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      await failed(reason)
      const message = 'The configuration was not taken; the log has the cause.'
      throw new Failure('internal_error', message, { reason })
    })
  if (outcome === 'changed meanwhile') {
    await failed(outcome)
    throw stale()
  }
}

/** What was there as well: it may have come by hand, or with the gateway, and is what one goes back to. */
const versionsOf = (
  { platform: { clock, newId } }: ConfigRoutesOptions,
  c: AdminRequest<unknown>['c'],
  before: string,
  next: string,
): [ConfigVersion, ConfigVersion] => {
  const at = clock.now()
  const login = c.get('auth').caller?.login ?? ''
  const changes = changedLines(before, next)
  return [
    { id: newId(), at, login: '', requestId: '', changes: '', config: before },
    { id: newId(), at, login, requestId: c.get('requestId'), changes, config: next },
  ]
}

type Judged = ParseResult & {
  readonly current: { readonly text: string; readonly version: string }
  /** With its secrets. */
  readonly restored: string
  /** Marks that stand for nothing. Nothing else of the text was read. */
  readonly unknown: readonly Detail[]
  /** References that may not be made from here. Nothing else of the text was read. */
  readonly forbidden: readonly Detail[]
}

const judge = async ({ document }: ConfigRoutesOptions, edited: string): Promise<Judged> => {
  const current = await document.read()
  const restored = restoreSecrets(edited, current.text)
  if (restored.unknown) {
    const unknown = restored.unknown.map((mark) => ({
      location: 'body.config',
      message: `"${mark}" stands for no secret that could be here`,
    }))
    return { current, restored: edited, unknown, forbidden: [], problems: [] }
  }
  // Before it is parsed, which looks references up and tells what is wrong with what they lead to.
  const forbidden = newReferences(current.text, restored.text).map(({ path, message }) => ({
    location: path,
    message,
  }))
  const judged = { current, restored: restored.text, unknown: [], forbidden }
  if (forbidden.length > 0) return { ...judged, problems: [] }
  const parsed = document.parse(restored.text)
  const problems = broughtIn(parsed.problems, document.parse(current.text).problems)
  return { ...judged, ...parsed, problems }
}

/**
 * What a change brings in. Errors always count. A warning that the text in force has as well stands in nobody's way: a
 * document that loads can be saved. Entries of lists may have moved, so their numbers say nothing.
 */
const broughtIn = (
  problems: readonly Problem[],
  before: readonly Problem[],
): readonly Problem[] => {
  const known = new Map<string, number>()
  for (const problem of before) known.set(nameOf(problem), (known.get(nameOf(problem)) ?? 0) + 1)
  return problems.filter((problem) => {
    const left = known.get(nameOf(problem)) ?? 0
    if (problem.severity === 'error' || left === 0) return true
    known.set(nameOf(problem), left - 1)
    return false
  })
}

const nameOf = ({ severity, path, message }: Problem): string =>
  [severity, path, message].join('\n').replace(/\[\d+\]|\bgrant \d+/g, '[]')

const located = ({ problems, unknown, forbidden }: Judged) => [
  ...[...unknown, ...forbidden].map(({ location, message }) => ({
    line: null,
    message: `${location}: ${message}.`,
  })),
  ...problems.map((problem) => ({ line: problem.line, message: sentence(problem) })),
]

/** Aperture's sentence first, where it has one. */
const sentence = ({ line, column, path, message, remedy }: Problem): string =>
  `${message} (${path ? `${path}, ` : ''}line ${line}, column ${column}). ${remedy}.`

const toDetail = (problem: Problem): Detail => ({
  location: problem.path || 'config',
  message: sentence(problem),
})

const refusal = (details: readonly Detail[]): Failure =>
  new Failure('invalid_content', 'The configuration was not taken.', { details })

const stale = (): Failure =>
  new Failure(
    'precondition_failed',
    'Somebody else changed the configuration since you read it. Read it again, and apply your change to that.',
  )
