import type { Provider } from '../../../platform/upstream.ts'
import { hasTags } from '../../dialect/model-tags.ts'

/** Does the provider of this id read a name without a tag as `:latest`? Computed once per list of providers. */
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
