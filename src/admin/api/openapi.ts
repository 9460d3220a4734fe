import { z } from 'zod'
import type { AdminRoute } from './route.ts'

export interface ApiInfo {
  readonly title: string
  readonly version: string
  /** In front of every path, and left out of it; absent: none. */
  readonly base?: string
}

/** The description of an API, made of the very routes that serve it (OpenAPI 3.1). */
export const openApi = (
  { title, version, base = '' }: ApiInfo,
  routes: readonly AdminRoute[],
): object => ({
  openapi: '3.1.0',
  info: {
    title,
    version,
    description:
      'Every credential of the gateway is accepted, tailnet identity included. Errors are problem+json (RFC 9457).',
  },
  ...(base !== '' && { servers: [{ url: base }] }),
  components: {
    schemas: { Problem: schemaOf(problem) },
    securitySchemes: {
      basic: { type: 'http', scheme: 'basic' },
      bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or user:password.' },
    },
  },
  security: [{}, { basic: [] }, { bearer: [] }],
  paths: Object.fromEntries(
    Object.entries(Object.groupBy(routes, ({ path }) => path)).map(([path, operations = []]) => [
      path.slice(base.length),
      Object.fromEntries(operations.map((each) => [each.method, operation(each)])),
    ]),
  ),
})

const problem = z.object({
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  request_id: z.string(),
  errors: z.array(z.object({ location: z.string(), message: z.string() })).optional(),
})

const operation = ({
  id,
  summary,
  needs,
  path,
  query,
  body,
  headers,
  answers,
  method,
}: AdminRoute) => ({
  operationId: id,
  summary,
  description: `Needs: ${needs === 'role' ? 'any role' : needs}.`,
  parameters: [...inPath(path), ...inQuery(query), ...inHeaders(headers)],
  ...(body && { requestBody: { required: true, content: json(schemaOf(body, 'input')) } }),
  responses: {
    [method === 'post' && !path.includes(':') ? '201' : '200']: {
      description: 'Done.',
      content: json(schemaOf(answers)),
    },
    default: {
      description: 'Refused, or failed.',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  },
})

const inPath = (path: string) =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

const inQuery = (query: AdminRoute['query']) =>
  Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemaOf(schema as z.ZodType, 'input'),
  }))

const inHeaders = (headers: AdminRoute['headers'] = {}) =>
  Object.entries(headers).map(([name, { needed, what }]) => ({
    name,
    in: 'header',
    required: needed,
    description: what,
    schema: { type: 'string' },
  }))

const schemaOf = (schema: z.ZodType, io: 'input' | 'output' = 'output'): object => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io })
  return rest
}

const json = (schema: object) => ({ 'application/json': { schema } })
