import { isObject } from '../../../../gateway/upstream/probe/describe.ts'
import type { Provider } from '../../../../platform/upstream.ts'
import { olderThan } from '../../../../tailscale/version.ts'
import { type Finding, finding } from '../../finding.ts'
import type { Given } from '../../given.ts'
import { getFrom } from './answer.ts'

/** CVE-2026-7482. */
const floor = '0.17.1'

/** Below this much of a model on the card, in percent, it is worth a word. */
const enough = 95

/** What only Ollama tells: its version, and where a model lies. Asked only where a row of its list could be Ollama's. */
export const ollamaFindings = async (
  provider: Provider,
  rows: readonly Readonly<Record<string, unknown>>[] | undefined,
  given: Given,
): Promise<Finding[]> => {
  const maybe = provider.server === 'ollama' || rows?.some(({ owned_by }) => owned_by === 'library')
  if (!maybe) return []
  const get = getFrom(provider, given)
  const [told, running] = await Promise.all([get('/api/version'), get('/api/ps')])
  const version = isObject(told) && typeof told.version === 'string' ? told.version : undefined
  const old =
    version !== undefined && olderThan(version, floor)
      ? [finding('models.ollama_old', provider.id, { version, floor })]
      : []
  const loaded = isObject(running) && Array.isArray(running.models) ? running.models : []
  return [...old, ...loaded.filter(isObject).flatMap((row) => onProcessor(row, provider))]
}

const onProcessor = (
  { name, size, size_vram: onCard }: Readonly<Record<string, unknown>>,
  { id }: Provider,
): Finding[] => {
  if (typeof size !== 'number' || typeof onCard !== 'number' || size <= 0) return []
  const share = Math.round((onCard / size) * 100)
  return share >= enough ? [] : [finding('models.on_processor', id, { model: String(name), share })]
}
