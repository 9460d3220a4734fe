import type { Candidate } from '../../platform/upstream.ts'

/** Whose rules hold for what a model is shown: its maker's, whoever serves it. */
export type Family = 'openai' | 'anthropic' | 'google' | 'other'

/** By the model's name, as resellers serve models of all makers; what no name gives away, by whose prices hold. */
export const familyOf = ({ provider, model }: Candidate): Family => {
  const name = model.toLowerCase()
  if (name.includes('claude')) return 'anthropic'
  if (name.includes('gemini')) return 'google'
  if (openaiModel.test(name)) return 'openai'
  if (provider.costBasis === 'openai' || provider.costBasis?.startsWith('azure')) return 'openai'
  if (provider.costBasis === 'anthropic') return 'anthropic'
  return provider.costBasis === 'google' ? 'google' : 'other'
}

/** gpt-oss and other open ones are run by whoever wants to. */
const openaiModel = /(?:^|[/.:])(?:gpt-(?!oss|j|neo)|chatgpt|codex|computer-use|o[1-9](?:-|$))/
