import { demoBase, type Provider } from '../../../platform/upstream.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check, Given } from '../given.ts'
import { inTime, TooLate } from '../in-time.ts'
import { examineAnswer } from './models/answer.ts'
import { askForModels } from './models/ask.ts'
import { exposedModels } from './models/exposed.ts'
import { ollamaFindings } from './models/ollama.ts'

/** Each provider is asked for its models, with its own key. */
export const checkModels: Check = async (given) => {
  const enabled = given.providers.filter(({ disabled }) => !disabled)
  if (enabled.some(({ baseurl }) => baseurl === demoBase)) {
    return [finding('models.none_found', 'providers')]
  }
  if (enabled.length === 0) return [finding('models.all_disabled', 'providers')]
  const found = await Promise.all(enabled.map((provider) => lookInTime(provider, given)))
  return found.flat()
}

/** ms for one provider: its list, and the few questions that follow. */
const patience = 5000

/** One that dawdles takes nothing away from what is known of the others. */
const lookInTime = (provider: Provider, given: Given): Promise<Finding[]> =>
  inTime(look(provider, given), patience).catch((error: unknown) => {
    if (!(error instanceof TooLate)) throw error
    const address = new URL(provider.baseurl).host
    return [finding('models.silent', provider.id, { address, seconds: patience / 1000 })]
  })

const look = async (provider: Provider, given: Given): Promise<Finding[]> => {
  const { id } = provider
  const asked = await askForModels(provider, given)
  if (asked.finding) return [asked.finding]
  const [about, onCard, exposed] = await Promise.all([
    examineAnswer(provider, asked.rows, given),
    ollamaFindings(provider, asked.rows, given),
    exposedModels(provider, given),
  ])
  const found = [...about, ...onCard, ...exposed]
  return found.length > 0 ? found : [fine('models', id, asked.says)]
}
