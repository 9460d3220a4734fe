import type { Provider } from '../../platform/upstream.ts'

const latest = ':latest'

/**
 * The names of one model at Ollama, the given one first: without a tag, `:latest` is meant
 * (`ParseName` in https://github.com/ollama/ollama). The tag stands after the last slash, as a host may have a port.
 */
export const spellingsOf = (model: string): readonly [string, ...string[]] => {
  if (model.endsWith(latest)) return [model, model.slice(0, -latest.length)]
  return model.includes(':', model.lastIndexOf('/') + 1) ? [model] : [model, model + latest]
}

/** Does this provider read a name without a tag as `:latest`? */
export const hasTags = ({ server }: Pick<Provider, 'server'>): boolean => server === 'ollama'
