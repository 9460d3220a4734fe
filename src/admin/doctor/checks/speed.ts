import type { Speed } from '../../../platform/records/questions.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check, Given } from '../given.ts'
import { inTime } from '../in-time.ts'

/** ms of the ledger that are looked at. */
const period = 30 * 86_400_000
/** Answers that "now" and "before" are made of, at least. */
const newest = 5
const before = 10
/** What is left of the speed before it is worth a word: the same model on a processor is far below this. */
const fraction = 0.4

/** Has a model become much slower than it was? */
export const checkSpeed: Check = async (given) => {
  if (given.ask === undefined) return []
  const since = given.clock.now() - period
  // That the ledger does not answer is said there.
  const speeds = await inTime(given.ask('speeds', { since })).catch(() => [])
  return speeds.flatMap((each) => judge(each, given))
}

const judge = ({ provider, model, rates }: Speed, { providers }: Given): Finding[] => {
  const server = providers.find(({ id }) => id === provider)
  if (server === undefined || rates.length < newest + before) return []
  const now = median(rates.slice(0, newest))
  const then = median(rates.slice(newest))
  const about = `${provider}/${model}`
  if (now >= then * fraction) return [fine('speed', about, `${shown(now)} tokens a second`)]
  const look = whereToLook(server.server)
  return [finding('speed.dropped', about, { model, now: shown(now), before: shown(then), look })]
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

const shown = (rate: number): string => (rate < 10 ? rate.toFixed(1) : String(Math.round(rate)))

const whereToLook = (server: string | undefined): string => {
  const card = 'Is the card there, and what has its memory: `nvidia-smi` (`rocm-smi`)?'
  switch (server) {
    case 'ollama':
      return `${card} \`ollama ps\` shows processor or card; after a driver update \`systemctl restart ollama\``
    case 'lmstudio':
      return `${card} Load it again: \`lms unload --all && lms load MODEL --gpu max --yes\``
    case 'llamacpp':
      return `${card} Start llama-server with \`-ngl 99\`; its log says how many layers went to the card`
    default:
      return `${card} The log of the server says at its start which device it found`
  }
}
