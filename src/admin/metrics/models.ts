import type { UsageRow } from '../../platform/records/usage.ts'
import type { Provider } from '../../platform/upstream.ts'
import { rest } from './instruments.ts'

type Known = Pick<Provider, 'id' | 'models'>

/** What a row is counted under: names that providers list, never one that only a client wrote. */
export interface ModelLabels {
  readonly provider: string
  readonly model: string
}

/** Stands where there is none: a refusal before a model was named, or before a provider answered. */
export const none = 'none'

/** @param providers the same array until something changes. */
export const createModelLabels = (providers: () => readonly Known[]) => {
  let seen: readonly Known[] | undefined
  let listed = new Map<string, ReadonlySet<string>>()
  let all: ReadonlySet<string> = new Set()
  const look = (): void => {
    const now = providers()
    if (now === seen) return
    seen = now
    listed = new Map(now.map(({ id, models }) => [id, new Set(models)]))
    all = new Set(now.flatMap(({ id, models }) => [...models, ...models.map((m) => `${id}/${m}`)]))
  }
  return ({ provider, upstreamModel, model }: UsageRow): ModelLabels => {
    look()
    if (provider === null) {
      const name = upstreamModel ?? model
      return { provider: none, model: name === null ? none : all.has(name) ? name : rest }
    }
    // A provider taken out of the configuration may still be answering; its name was ours.
    const known = upstreamModel !== null && listed.get(provider)?.has(upstreamModel)
    return { provider, model: known ? upstreamModel : rest }
  }
}
