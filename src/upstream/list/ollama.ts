import type { Provider } from '../upstream.ts'
import { type Allows, type Offer, visibleIn } from './visible.ts'

/** What Ollama's clients are told where no server told a version: the API as it is served here. */
const spoken = '0.13.3'

/** Of the server that is asked first, as clients hold it against what they need. */
export const ollamaVersion = (providers: readonly Provider[], allows: Allows): string =>
  visibleIn('ollama', providers, allows)
    .map(({ provider }) => provider.serverVersion)
    .find((version) => version !== undefined) ?? spoken

/** `GET /api/tags`: what this caller may use of servers that speak this API; ids that several of them have appear once. */
export const ollamaTags = (providers: readonly Provider[], allows: Allows) => ({
  models: visibleIn('ollama', providers, allows).map(tag),
})

/** `GET /api/ps`: those of them that are in memory. */
export const ollamaRunning = (providers: readonly Provider[], allows: Allows) => ({
  models: visibleIn('ollama', providers, allows)
    .filter(({ details }) => details.loaded)
    .map((offer) => ({
      ...tag(offer),
      ...picked(offer.details.running, ['expires_at', 'size', 'size_vram', 'context_length']),
    })),
})

/** Never `remote_host` and the like: where a model comes from is its owner's business. */
const tag = ({ model, details }: Offer) => ({
  name: model,
  model,
  modified_at: new Date((details.created ?? 0) * 1000).toISOString(),
  size: 0,
  digest: '',
  details: {},
  ...picked(details.listed, ['modified_at', 'size', 'digest', 'details']),
})

/** `POST /api/show`, of what the server itself says. Left out: its file with paths, its licence, its weights. */
export const ollamaShow = ({ details, model }: Offer, told: Offer['details']['listed']) => ({
  modified_at: tag({ model, details } as Offer).modified_at,
  details: details.listed?.details ?? {},
  model_info: {
    ...(details.contextLength !== undefined && {
      'general.architecture': 'unknown',
      'unknown.context_length': details.contextLength,
    }),
  },
  capabilities: /embed/i.test(model) ? ['embedding'] : ['completion'],
  ...picked(told, [
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
