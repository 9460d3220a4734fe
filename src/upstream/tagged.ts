import { hasTags } from '../dialect/model-tags.ts'
import type { Provider } from './upstream.ts'

/** Which providers take a name without a tag for its `:latest`; one look for each list of providers. */
export const tagged = (registry: {
  providers(): readonly Provider[]
}): ((provider: string) => boolean) => {
  let known: readonly Provider[] = []
  let ids: ReadonlySet<string> = new Set()
  return (provider) => {
    const providers = registry.providers()
    if (providers !== known) {
      known = providers
      ids = new Set(providers.filter(hasTags).map(({ id }) => id))
    }
    return ids.has(provider)
  }
}
