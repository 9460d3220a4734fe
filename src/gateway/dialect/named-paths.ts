import { Failure } from '../../platform/failure.ts'
import type { Provider } from '../../platform/upstream.ts'
import { modelName } from './body/model-name.ts'
import type { Address } from './operations.ts'

/** What a path says beside its model: `version`, `project`, `region`, as far as it has them. */
export type PathParts = Readonly<Record<string, string | undefined>>

/** How a path names the model, and what the same is called at a provider. */
export interface NamedPath {
  readonly method: string
  readonly stream: boolean
  /**
   * Model and the rest of a canonical path, which is percent-decoded here, once. Paths take bare ids only.
   * @throws Failure `invalid_request` when it holds no possible model
   */
  read(path: string): { readonly model: string; readonly parts: PathParts }
  address(parts: PathParts, provider: Provider, model: string): Address
}

const named = (pattern: RegExp, method: string, address: NamedPath['address']): NamedPath => ({
  method,
  stream: /stream/i.test(method),
  read: (path) => {
    const { model = '', ...parts } = pattern.exec(path)?.groups ?? {}
    return { model: modelName(decode(model)), parts }
  },
  address,
})

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Failure('invalid_request', 'The model in the path is not valid UTF-8.')
  }
}

/** One segment, whatever the id holds: it must not become another path at the provider. */
const call = (model: string, method: string): string => `${encodeURIComponent(model)}:${method}`

/**
 * `POST /v1beta/models/{model}:{method}`; a provider whose base has no version is asked for the one that the client
 * wrote. Paths of a Vertex express key (`publishers/google`) have versions of their own.
 */
export const gemini = (method: string): NamedPath => {
  const pattern =
    /^(?:\/(?<version>v1\w*))?\/(?<publisher>publishers\/google\/)?models\/(?<model>.+):\w+$/
  return named(pattern, method, ({ version = 'v1beta', publisher }, provider, model) =>
    provider.geminiByVertex
      ? atVertex({ version, project: AUTO_PROJECT, region: AUTO_REGION }, provider, {
          publisher: 'google',
          call: call(model, method),
        })
      : {
          operation: `models/${call(model, method)}`,
          version: publisher === undefined ? version : 'v1beta',
        },
  )
}

/** `POST /v1/projects/{project}/locations/{region}/publishers/{publisher}/models/{model}:{method}`. */
export const vertex = (publisher: string, method: string): NamedPath => {
  const segment = '[A-Za-z0-9_.:-]+'
  const pattern = new RegExp(
    `^/(?<version>\\w+)/projects/(?<project>${segment})/locations/(?<region>${segment})` +
      `/publishers/${publisher}/models/(?<model>.+):\\w+$`,
  )
  return named(pattern, method, (parts, provider, model) =>
    atVertex(parts, provider, { publisher, call: call(model, method) }),
  )
}

/** What clients write where the gateway knows better (Aperture's words). */
const AUTO_PROJECT = '_aperture_auto_vertex_project_id_'
const AUTO_REGION = '_aperture_auto_vertex_region_'

const atVertex = (
  { version = 'v1', project = '', region = '' }: PathParts,
  { baseurl, serviceAccount }: Provider,
  { publisher, call }: { readonly publisher: string; readonly call: string },
): Address => {
  const model = `publishers/${publisher}/models/${call}`
  const address = { version: /^v1(?:alpha|beta)$/.test(version) ? 'v1beta1' : version }
  const owner = project === AUTO_PROJECT ? serviceAccount?.projectId : project
  // An express key belongs to a project already, and its paths name none.
  if (owner === undefined) return { ...address, operation: model }
  const place = region === AUTO_REGION ? regionOf(baseurl) : region
  return { ...address, operation: `projects/${owner}/locations/${place}/${model}` }
}

/** `https://europe-west1-aiplatform.googleapis.com` and `https://aiplatform.eu.rep.googleapis.com` say it. */
const regionOf = (baseurl: string): string => {
  const { hostname } = new URL(baseurl)
  const host = /^(?:([a-z0-9-]+)-aiplatform|aiplatform\.([a-z0-9-]+)\.rep)\.googleapis\.com$/
  const [, regional, multiple] = host.exec(hostname) ?? []
  return regional ?? multiple ?? 'global'
}

/** `POST /bedrock/model/{model}/{method}`; at Amazon without the prefix, and without a version. */
export const bedrock = (method: string): NamedPath =>
  named(/^\/bedrock\/model\/(?<model>.+)\/[\w-]+$/, method, (_, _provider, model) => ({
    operation: `model/${encodeURIComponent(model)}/${method}`,
    version: '',
  }))
