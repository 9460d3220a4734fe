import { inferCostBasis } from '../build/cost-basis.ts'
import { dialectsOf } from '../build/providers.ts'
import { type Finding, type Path, quote, warning } from '../problem.ts'
import { CAPABILITY } from '../schema/grants.ts'
import type { ConfigFile } from '../schema.ts'
import { compileGlobs } from '../values/glob.ts'
import { holderOf, parseQuota, splitName } from '../values/quota-text.ts'
import type { Declared } from './check.ts'

type Provider = ConfigFile['providers'][string]

/** Sentences as Aperture writes them. A budget that cannot be read stops nothing but the requests it is about. */
export function checkQuotas(file: ConfigFile, { quotas }: Declared): Finding[] {
  const lists = [
    ['grants', file.grants ?? []],
    ['temp_grants', file.temp_grants ?? []],
  ] as const
  return [
    ...Object.entries(file.quotas).flatMap(([name, quota]) => [
      ...checkQuota(name, quota),
      ...checkTasks(name, quota, file),
    ]),
    ...lists.flatMap(([list, grants]) =>
      grants.flatMap(({ app }, grant) =>
        app[CAPABILITY].flatMap(({ quotas: refs = [], models = '**' }, entry) =>
          refs.flatMap(({ bucket, overdraft }, index) => {
            const path = [list, grant, 'app', CAPABILITY, entry, 'quotas', index]
            const place = `${list}[${grant}] grant ${entry} quotas[${index}]`
            return [
              ...checkRef(bucket, [...path, 'bucket'], place, quotas),
              ...overdraft.flatMap((name, at) =>
                checkRef(name, [...path, 'overdraft', at], place, quotas),
              ),
              ...checkUnits([bucket, ...overdraft], [...path, 'overdraft'], place, file),
              ...checkPrices([bucket, ...overdraft], models, [...path, 'bucket'], file),
            ]
          }),
        ),
      ),
    ),
  ]
}

function checkQuota(name: string, quota: ConfigFile['quotas'][string]): Finding[] {
  const path = ['quotas', name]
  if (holderOf(name) === undefined) {
    const message = `quota ${quote(name)}: quota name ${quote(name)} has unsupported template ${quote(splitName(name).template ?? '')} after colon`
    return [warning(path, message, CLOSED)]
  }
  const { why } = parseQuota(quota)
  return why === undefined ? [] : [warning(path, `quota ${name}: ${why}`, CLOSED)]
}

function checkTasks(
  name: string,
  { webui_tasks }: ConfigFile['quotas'][string],
  { webui }: ConfigFile,
): Finding[] {
  if (webui_tasks === undefined || webui?.speaks_for !== undefined) return []
  const message = `quota ${name}: tasks are counted all the same, as nothing says who Open WebUI is`
  return [warning(['quotas', name, 'webui_tasks'], message, 'Set "webui.speaks_for"')]
}

const CLOSED = 'Until it is corrected, requests that it is about are answered 429'

/** What cannot lend to each other. */
function checkUnits(
  names: readonly string[],
  path: Path,
  place: string,
  { quotas }: ConfigFile,
): Finding[] {
  const units = new Set(
    names.flatMap((name) => {
      const quota = quotas[name]
      return (quota && parseQuota(quota).limit?.unit) ?? []
    }),
  )
  if (units.size <= 1 && !(names.length > 1 && units.has('concurrent'))) return []
  return [warning(path, `${place}: only what counts the same can lend, and places cannot`, CLOSED)]
}

function checkRef(
  bucket: string,
  path: Path,
  place: string,
  declared: readonly string[],
): Finding[] {
  if (holderOf(bucket) === undefined) {
    const template = quote(splitName(bucket).template ?? '')
    const message = `${place}: bucket ref ${quote(bucket)} has unsupported template ${template} after colon`
    return [warning(path, message, CLOSED)]
  }
  if (declared.includes(bucket)) return []
  return [warning(path, `quotas references undefined quota ${quote(bucket)}`, CLOSED)]
}

/** A budget in dollars is not kept where no request has a price: the provider is asked for nothing, and so charged nothing. */
function checkPrices(
  names: readonly string[],
  models: string | readonly string[],
  path: Path,
  { quotas, providers, auto_cost_basis }: ConfigFile,
): Finding[] {
  const undecided = names.filter((name) => {
    const limit = quotas[name] && parseQuota(quotas[name]).limit
    return limit?.unit === 'dollars' && limit.capacity > 0 && limit.unknownPrice === undefined
  })
  if (undecided.length === 0) return []
  const covers = compileGlobs(typeof models === 'string' ? [models] : models)
  const unpriced = Object.entries(providers)
    .filter(([, provider]) => !provider.disabled && !isPriced(provider, auto_cost_basis))
    .filter(([id, provider]) => namesOf(provider).some((model) => covers(`${id}/${model}`)))
  return unpriced.map(([id]) => {
    const message = `quota ${quote(undecided[0] ?? '')} counts dollars, and provider ${id} has no price: its requests are charged nothing`
    const remedy =
      'Give the provider "prices" or a "cost_basis", or say what is meant with "unknown_price" of the quota'
    return warning(path, message, remedy)
  })
}

/** What a provider is asked for is not known yet; some name stands for all of them. */
const namesOf = ({ models }: Provider): readonly string[] =>
  models.length === 0 || models.includes('*') ? ['*'] : models

const isPriced = (provider: Provider, autoCostBasis: boolean): boolean =>
  Object.keys(provider.prices).length > 0 ||
  provider.cost_basis !== '' ||
  (autoCostBasis &&
    (provider.model_cost_map.length > 0 ||
      inferCostBasis(provider.baseurl, dialectsOf(provider.compatibility)) !== undefined))
