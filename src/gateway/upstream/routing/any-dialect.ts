import type { Candidate, Dialect, Provider, RouteResult } from '../../../platform/upstream.ts'
import { route } from './route.ts'

/** Where a model leads in one dialect or another: whoever may use it chooses the dialect. */
export function anyDialect(providers: readonly Provider[], model: string): RouteResult {
  const spoken = new Set<Dialect>(providers.flatMap(({ dialects }) => [...dialects]))
  const results = [...spoken].map((dialect) => route(providers, model, dialect))
  const found = new Map<string, Candidate>()
  for (const candidate of results.flatMap(({ candidates }) => candidates)) {
    found.set(`${candidate.provider.id}/${candidate.model}`, candidate)
  }
  const [first, ...rest] = found.values()
  if (first) return { candidates: [first, ...rest] }
  // A provider that speaks nothing is in the way by any dialect.
  return results[0] ?? route(providers, model, 'openai_chat')
}
