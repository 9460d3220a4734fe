import { nearest } from '../../../../config/values/nearest.ts'
import { spellingsOf } from '../../../../gateway/dialect/model-tags.ts'
import { getBelowRoot } from '../../../../gateway/upstream/probe/ask-models.ts'
import { describeRows } from '../../../../gateway/upstream/probe/describe.ts'
import { identify, mergeDetails } from '../../../../gateway/upstream/probe/identify.ts'
import type { ModelDetails, Provider } from '../../../../platform/upstream.ts'
import { hostOf, isLoopback } from '../../addresses.ts'
import { type Finding, finding } from '../../finding.ts'
import type { Given } from '../../given.ts'

type Rows = Parameters<typeof describeRows>[0]

/** For each of the few requests that identify the server. */
const PROBE_TIMEOUT_MS = 1000

/** GET below the root of the provider's server, with its credential. */
export const getFrom = (provider: Provider, { send }: Pick<Given, 'send'>) =>
  getBelowRoot(send, provider, PROBE_TIMEOUT_MS)

/** Holds what is configured against the server's list. */
export const examineAnswer = async (
  provider: Provider,
  rows: Rows | undefined,
  given: Given,
): Promise<Finding[]> => {
  if (rows === undefined) return []
  const { id, baseurl } = provider
  const address = new URL(baseurl).host
  const { models, details } = describeRows(rows)
  const identity = await identify(rows, getFrom(provider, given))
  const server = identity?.server.kind ?? provider.server
  if (models.length === 0) {
    return [finding('models.empty', id, { address, download: howToDownload(server) })]
  }
  const isOwn = server !== undefined || isLoopback(hostOf(baseurl))
  const missing = notListed(provider, models, given).map((model): Finding => {
    const instead = insteadOf(model, models, server)
    const found = finding('models.not_listed', id, { model, address, instead })
    return isOwn ? found : { ...found, severity: 'warning' }
  })
  const known = identity ? mergeDetails(details, identity.more) : details
  return noneLoaded(known)
    ? [...missing, finding('models.none_loaded', id, { address, load: howToLoad(server) })]
    : missing
}

/** Ollama takes a name without a tag for its `:latest`. */
const notListed = ({ id }: Provider, models: readonly string[], { config }: Given): string[] => {
  const configured = config.providers.get(id)?.models ?? []
  const listed = new Set(models)
  return configured.filter(
    (model) => model !== '*' && !spellingsOf(model).some((name) => listed.has(name)),
  )
}

const insteadOf = (
  model: string,
  models: readonly string[],
  server: string | undefined,
): string => {
  const near = nearest(model, models) ?? models.find((each) => each.split('/').includes(model))
  if (near !== undefined) return `Did you mean "${near}"? Names are compared letter by letter`
  const some = models.slice(0, 5).join(', ')
  return `${howToDownload(server, model)}, or configure one that is there: ${some}${models.length > 5 ? ', …' : ''}`
}

/** Only where the server tells it of each. */
const noneLoaded = (details: ReadonlyMap<string, ModelDetails>): boolean =>
  details.size > 0 && [...details.values()].every(({ loaded }) => loaded === false)

const howToDownload = (server: string | undefined, model = 'MODEL'): string => {
  switch (server) {
    case 'ollama':
      return `Get it: \`ollama pull ${model}\``
    case 'lmstudio':
      return `Get it: \`lms get ${model}\``
    default:
      return `Start the server with ${model}`
  }
}

const howToLoad = (server: string | undefined): string => {
  switch (server) {
    case 'ollama':
      return 'OLLAMA_KEEP_ALIVE=-1 keeps a model in memory; `ollama run MODEL ""` loads it now'
    case 'lmstudio':
      return '`lms load MODEL --identifier local-llm --yes` loads it now; deploy/systemd/lmstudio.service does so at each start'
    default:
      return 'Ask it something, or see its manual on loading models at the start'
  }
}
