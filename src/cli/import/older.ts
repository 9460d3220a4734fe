import { removeAt, setAt } from '../../config/edit.ts'
import type { Json } from '../../config/problem.ts'
import { CAPABILITY } from '../../config/schema/grants.ts'
import { isObject, itemsOf, type JsonObject, readAt } from './json.ts'

export interface Moved {
  readonly text: string
  readonly renamed: readonly { readonly from: string; readonly to: string }[]
}

/**
 * Aperture's files of its alpha and beta, brought to the shape of today: `temp_grants` beside `grants`, entries in
 * `grants` instead of a capability in `app`, models by `providers`, hooks with their `match`, and a provider's key within
 * `authorization`.
 */
export const withoutOlderShapes = (text: string): Moved => {
  const first = providersOfToday(text)
  const second = grantsTogether(first.text)
  const third = grantsOfToday(second.text)
  return { text: third.text, renamed: [...first.renamed, ...second.renamed, ...third.renamed] }
}

/** `{ "type": "x-api-key", "value": "sk-…" }`. */
const providersOfToday = (text: string): Moved => {
  const providers = readAt(text, ['providers'])
  const renamed: Moved['renamed'][number][] = []
  let result = text
  for (const [id, provider] of isObject(providers) ? Object.entries(providers) : []) {
    const authorization = isObject(provider) ? provider.authorization : undefined
    if (!isObject(authorization)) continue
    const { type, value } = authorization
    const path = ['providers', id]
    if (typeof value === 'string' && !('apikey' in (provider as JsonObject))) {
      result = setAt(result, [...path, 'apikey'], value)
      renamed.push({ from: `${path.join('.')}.authorization.value`, to: 'apikey' })
    }
    if (typeof type !== 'string') continue
    result = setAt(result, [...path, 'authorization'], type.toLowerCase())
    renamed.push({ from: `${path.join('.')}.authorization.type`, to: 'authorization' })
  }
  return { text: result, renamed }
}

/** One list, in the order in which they were. */
const grantsTogether = (text: string): Moved => {
  const old = readAt(text, ['temp_grants'])
  if (!Array.isArray(old)) return { text, renamed: [] }
  const known = itemsOf(text, ['grants']).length
  let result = text
  for (const [index, grant] of old.entries()) {
    result = setAt(result, ['grants', known + index], grant as Json)
  }
  const renamed = old.map((_, index) => ({
    from: `temp_grants[${index}]`,
    to: `grants[${known + index}]`,
  }))
  return { text: removeAt(result, ['temp_grants']), renamed }
}

const grantsOfToday = (text: string): Moved => {
  const renamed: Moved['renamed'][number][] = []
  let result = text
  for (const [index, grant] of itemsOf(text, ['grants']).entries()) {
    if (!isObject(grant) || !Array.isArray(grant.grants) || 'app' in grant) continue
    const path = ['grants', index]
    const app = { [CAPABILITY]: grant.grants.flatMap(entriesOf) }
    result = removeAt(setAt(result, [...path, 'app'], app), [...path, 'grants'])
    renamed.push({ from: `grants[${index}].grants`, to: `grants[${index}].app["${CAPABILITY}"]` })
  }
  return { text: result, renamed }
}

const entriesOf = (entry: Json): Json[] => {
  if (!isObject(entry)) return [entry]
  const { providers, hook, ...rest } = entry
  const kept = { ...rest, ...(Array.isArray(providers) && { models: providers.map(patternOf) }) }
  const sent = isObject(hook) ? [hookEntry(hook)] : hook === undefined ? [] : [{ hook }]
  return [...(Object.keys(kept).length > 0 ? [kept] : []), ...sent]
}

/** `"anthropic"`, or `{ "provider": "anthropic", "model": "*" }`. */
const patternOf = (provider: Json): Json => {
  if (typeof provider === 'string') return glob(provider, '*')
  if (!isObject(provider)) return provider
  const { provider: id = '*', model = '*' } = provider
  return typeof id === 'string' && typeof model === 'string' ? glob(id, model) : provider
}

/** A star was any model, slashes included. */
const glob = (provider: string, model: string): string => {
  const all = model === '*' || model === '**'
  if (all && (provider === '*' || provider === '**')) return '**'
  return `${provider}/${all ? '**' : model}`
}

/** `{ "match": { "providers": […], "models": […], "events": […] }, "hook": "name", "fields": […] }`. */
const hookEntry = (hook: JsonObject): Json => {
  const match = isObject(hook.match) ? hook.match : {}
  const { providers, models, events = [] } = match
  const names = textsOf(providers)
  const patterns = names.flatMap((id) => textsOf(models).map((model) => glob(id, model)))
  const everything = providers === undefined && models === undefined
  return {
    ...(!everything && { models: patterns }),
    send_hooks: [{ name: hook.hook ?? '', events, ...(hook.fields && { send: hook.fields }) }],
  }
}

const textsOf = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : ['*']
