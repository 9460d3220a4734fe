import type { CostBasis, Price, Rates } from '../../platform/upstream.ts'

/** List prices of the clouds. */
export interface Catalogue {
  /**
   * @param basis whose list; undefined: the one that the name begins with, `openai/gpt-5`, or any
   * @param at ms since the epoch: lists have dates
   */
  find(basis: CostBasis | undefined, model: string, at: number): Listed | undefined
}

export interface Listed {
  readonly price: Price
  /** Whose list it was found on, and under which name. */
  readonly source: string
  readonly model: string
}

let loading: Promise<Catalogue> | undefined

/**
 * The catalogue that comes with this version. It is large (40 ms and 20 MB to load), so it is read when the first price
 * is asked for, and never by a gateway whose providers bill nobody.
 */
export const loadCatalogue = (): Promise<Catalogue> => {
  loading ??= import('@pydantic/genai-prices').then(({ calcPrice }) =>
    remembering({
      find(basis, model, at) {
        const timestamp = new Date(at)
        for (const [providerId, name] of listsOf(basis, model)) {
          const found = calcPrice({}, name, { timestamp, ...(providerId && { providerId }) })
          if (found === null) continue
          const price = toPrice(found.model_price)
          return { price, source: found.provider.id, model: found.model.id }
        }
        return undefined
      },
    }),
  )
  return loading
}

/** Prices that change with the time of day do so at these. */
const quarter = 15 * 60_000
/** More models than anybody lists. */
const maxKnown = 4096

/** A look takes 60 µs, and the same models are asked for again and again. */
const remembering = (catalogue: Catalogue): Catalogue => {
  const known = new Map<string, { readonly since: number; readonly found: Listed | undefined }>()
  return {
    find(basis, model, at) {
      const since = Math.floor(at / quarter)
      const key = `${basis} ${model}`
      const before = known.get(key)
      if (before?.since === since) return before.found
      if (known.size >= maxKnown) known.clear()
      const found = catalogue.find(basis, model, at)
      known.set(key, { since, found })
      return found
    },
  }
}

type Entry = readonly [list: string | undefined, model: string]

/** In which lists of the catalogue to look, and for what. */
const listsOf = (basis: CostBasis | undefined, model: string): readonly Entry[] => {
  const slash = model.indexOf('/')
  const made: Entry[] = slash < 0 ? [] : [byMaker(model, slash)]
  // `openai/gpt-5`: of the list that is named first, else of the one whose names all look so.
  if (basis === undefined) return [...made, ['openrouter', model], [undefined, model]]
  // It bills what the makers do, and names them first.
  if (basis === 'vercel') return [...made, ['vercel', model]]
  const [list = '', region] = basis.split('-')
  // Ids with a region in front have a price of their own.
  const named = list === 'bedrock' && region && /^(?:anthropic|amazon|meta)\./.test(model)
  return [[lists[list] ?? list, named ? `${region}.${model}` : model]]
}

const byMaker = (model: string, slash: number): Entry => {
  const maker = model.slice(0, slash)
  return [lists[maker] ?? maker, model.slice(slash + 1)]
}

/** What the catalogue calls them. */
const lists: Readonly<Record<string, string>> = { vertex: 'google', bedrock: 'aws', xai: 'x-ai' }

type ListedPrice = Readonly<Record<string, number | Tiered | undefined>>

interface Tiered {
  readonly base: number
  readonly tiers: readonly { readonly start: number; readonly price: number }[]
}

const rateNames: readonly (readonly [name: string, rate: keyof Rates])[] = [
  ['input_mtok', 'input'],
  ['output_mtok', 'output'],
  ['cache_read_mtok', 'inputCacheRead'],
  ['cache_write_mtok', 'inputCacheWrite'],
  ['cache_write_1h_mtok', 'inputCacheWrite1h'],
  ['output_reasoning_mtok', 'internalReasoning'],
  ['input_image_mtok', 'image'],
  ['input_audio_mtok', 'inputAudio'],
  ['output_audio_mtok', 'outputAudio'],
]

const toPrice = (listed: ListedPrice): Price => {
  const { web_searches_kcount: searches, requests_kcount: requests } = listed
  const hour = base(listed.input_audio_hours ?? listed.audio_hours)
  const tiers = toTiers(listed)
  return {
    ...ratesOf(listed, base),
    ...(searches !== undefined && { webSearch: (base(searches) ?? 0) / 1000 }),
    ...(requests !== undefined && { request: (base(requests) ?? 0) / 1000 }),
    ...(hour !== undefined && { audioHour: hour }),
    ...(tiers.length > 0 && { tiers }),
  }
}

const ratesOf = (
  listed: ListedPrice,
  pick: (value: number | Tiered) => number | undefined,
): Rates =>
  Object.fromEntries(
    rateNames.flatMap(([name, rate]) => {
      const value = listed[name]
      const usd = value === undefined ? undefined : pick(value)
      return usd === undefined ? [] : [[rate, usd]]
    }),
  )

const toTiers = (listed: ListedPrice): NonNullable<Price['tiers']> => {
  const starts = Object.values(listed).flatMap((value) =>
    typeof value === 'object' ? value.tiers.map(({ start }) => start) : [],
  )
  return [...new Set(starts)]
    .sort((a, b) => a - b)
    .map((above) => ({
      above,
      ...ratesOf(listed, (value) =>
        typeof value === 'object'
          ? value.tiers.find(({ start }) => start === above)?.price
          : undefined,
      ),
    }))
}

const base = (value: number | Tiered | undefined): number | undefined =>
  typeof value === 'object' ? value.base : value
