import type { Context } from 'hono'
import { dialectsOf, RESOURCE, type ResourceCall, type Vendor } from '../../config/resources.ts'
import type { JsonBody } from '../dialect/body/json-body.ts'
import { scalarsIn } from '../dialect/body/scalars.ts'
import { stringAt } from '../dialect/body/text.ts'
import { type Operation, versionAt } from '../dialect/operations.ts'
import type { Env, Target } from '../http/env.ts'
import { type SentAs, type TargetOptions, targetFor } from './target.ts'

/** A call on what a provider keeps, as it is sent there. @throws Failure */
export const resourceTarget = async (
  c: Context<Env>,
  { call, vendor }: { readonly call: ResourceCall; readonly vendor: Vendor },
  options: Omit<TargetOptions, 'operation'>,
): Promise<Target> => {
  const { method } = c.req
  const operation: Operation = {
    paths: [],
    operation: RESOURCE,
    dialect: dialectsOf[vendor][0],
    body: 'multipart',
    version: 'v1',
  }
  const works = method === 'POST'
  const sentAs: SentAs = {
    method,
    mayBeEmpty: true,
    ...(works ? { unmetered: true } : { free: true }),
    address: ({ provider }) => ({
      operation: call.operation,
      version: versionAt(provider, operation.version),
      search: searchFor(c.req.url),
    }),
  }
  if (!works || hasNoBody(c)) return bodiless(operation, sentAs)
  return targetFor(c, { ...options, operation }, sentAs)
}

/** SDKs send a `Content-Type` even without a body. */
const hasNoBody = (c: Context<Env>): boolean =>
  c.req.raw.body === null || c.req.header('content-length') === '0'

const nothing = () => {}

const bodiless = (operation: Operation, sentAs: SentAs): Target => ({
  operation,
  model: undefined,
  modelOptional: true,
  otherModels: { names: [] },
  stream: false,
  usageAsked: false,
  size: 0,
  contentType: '',
  files: [],
  bounds: { choices: 1, maxOutput: 0 },
  pricingHints: {},
  forward: () => null,
  keep: nothing,
  sent: nothing,
  release: nothing,
  ...sentAs,
})

/** Members of a query that hold credentials for some server. */
const SECRET = /^(?:api[-_]?key|key|access[-_]?token|token|auth|authorization)$/i

const searchFor = (url: string): string => {
  const members = [...new URL(url).searchParams].filter(([name]) => !SECRET.test(name))
  return members.length === 0 ? '' : `?${new URLSearchParams(members)}`
}

/** Fields whose content is the caller's own, and `model`, which is judged by itself. */
const FREE = new Set(['metadata', 'model'])
const NAMES = /(?:^|\.)models?(?:\.\[\])?$/

/**
 * Models that a call names anywhere but in the body's own `model`: in the query, in the parts of a session, an evaluation
 * or a run. A batch names its models in a file, which is not looked into.
 */
export const modelsNamed = (target: Target, url: string): readonly string[] => {
  const inQuery = new URL(url).searchParams.getAll('model')
  const body = target.body?.read
  return [...inQuery, ...target.otherModels.names, ...(body ? within(body) : [])]
}

const within = ({ bytes, members }: JsonBody): readonly string[] =>
  members
    .filter(({ name, kind }) => !FREE.has(name) && (kind === 'object' || kind === 'array'))
    .flatMap((member) =>
      scalarsIn(bytes, member)
        .filter(({ kind, path }) => kind === 'string' && NAMES.test(path))
        .map(({ start, end }) => stringAt(bytes, start, end)),
    )
