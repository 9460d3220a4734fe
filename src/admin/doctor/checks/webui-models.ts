import type { Config, WebuiConfig } from '../../../config/config.ts'
import type { RequestSummary } from '../../../platform/records/figures.ts'
import { type Finding, finding } from '../finding.ts'
import type { Given } from '../given.ts'
import { inTime } from '../in-time.ts'

const days = 30
/** Its library names itself so, unless its owner has set a header (docs/webui.md); and how each is looked for. */
const itsAgent = /^Python\/\S+ aiohttp\/|open webui/i
const texts = ['aiohttp/', 'open webui'] as const
/** As many of the newest rows of such a program as are looked at. */
const most = 200

/**
 * Does it ask us for models? It asks for the list whenever a person opens its page, and each request that shows a
 * credential leaves a row. Nothing is said where the ledger is too long to be sure; where it does not answer, that is
 * said elsewhere.
 */
export const checkItsModels = async (
  webui: WebuiConfig,
  { config, ask, clock }: Pick<Given, 'config' | 'ask' | 'clock'>,
): Promise<Finding[]> => {
  if (ask === undefined) return []
  const since = clock.now() - days * 86_400_000
  const find = (text: string) => ask('requests', { since, text, limit: most })
  const pages = await inTime(Promise.all(texts.map(find))).catch(() => [])
  const credentials = itsCredentials(webui, config)
  const isIts = ({ userAgent, credentialId }: RequestSummary): boolean =>
    itsAgent.test(userAgent) && (credentials.size === 0 || credentials.has(credentialId))
  const unsure = pages.length === 0 || pages.some(({ next }) => next !== undefined)
  if (unsure || pages.some(({ rows }) => rows.some(isIts))) return []
  return [finding('webui.past_gateway', 'webui', { days })]
}

/** Empty: nothing says which is its own. */
const itsCredentials = (
  { speaksFor }: WebuiConfig,
  { users }: Pick<Config, 'users'>,
): ReadonlySet<string> =>
  new Set([...users].filter(([, { login }]) => login === speaksFor?.login).map(([name]) => name))
