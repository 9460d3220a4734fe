import type { Provider } from '../../../platform/upstream.ts'
import { spellingsOf } from '../../dialect/model-tags.ts'
import { type Allows, type Offer, visibleIn } from './visible.ts'

/** The version of the API that is served here, for clients where no server reported its own. */
const API_VERSION = '0.13.3'

/** Of the provider that is tried first: clients check it against the version that they need. */
export const ollamaVersion = (providers: readonly Provider[], allows: Allows): string =>
  visibleIn('ollama', providers, allows)
    .map(({ provider }) => provider.serverVersion)
    .find((version) => version !== undefined) ?? API_VERSION

/** `GET /api/tags`: the models that this caller may use on servers that speak this API, each id once. */
export const ollamaTags = (providers: readonly Provider[], allows: Allows) => ({
  models: visibleIn('ollama', providers, allows).map(tag),
})

/** `GET /api/ps`: those of them that are loaded. */
export const ollamaRunning = (providers: readonly Provider[], allows: Allows) => ({
  models: visibleIn('ollama', providers, allows)
    .filter(({ details }) => details.loaded)
    .map((offer) => ({
      ...tag(offer),
      ...picked(offer.details.running, ['expires_at', 'size', 'size_vram', 'context_length']),
    })),
})

/** Clients compare names with the tag that Ollama always shows. */
const tagged = (model: string): string =>
  spellingsOf(model).find((name) => name.endsWith(':latest')) ?? model

/** Without `remote_host` and the like: clients get no upstream address. */
const tag = ({ model, details }: Offer) => ({
  name: tagged(model),
  model: tagged(model),
  modified_at: new Date((details.created ?? 0) * 1000).toISOString(),
  size: 0,
  digest: '',
  details: {},
  ...picked(details.listed, ['modified_at', 'size', 'digest', 'details', 'capabilities']),
})

/** `POST /api/show`, from the server's own answer without the model file (it has paths), the licence and the tensors. */
export const ollamaShow = ({ details, model }: Offer, shown: Offer['details']['listed']) => ({
  modified_at: tag({ model, details } as Offer).modified_at,
  details: details.listed?.details ?? {},
  model_info: {
    ...(details.contextLength !== undefined && {
      'general.architecture': 'unknown',
      'unknown.context_length': details.contextLength,
    }),
  },
  capabilities: /embed/i.test(model) ? ['embedding'] : ['completion'],
  ...picked(shown, [
    'parameters',
    'template',
    'system',
    'details',
    'model_info',
    'capabilities',
    'modified_at',
  ]),
})

const picked = (
  row: Readonly<Record<string, unknown>> = {},
  names: readonly string[],
): Record<string, unknown> =>
  Object.fromEntries(names.flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]]])))
