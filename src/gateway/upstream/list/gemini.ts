import type { Provider } from '../../../platform/upstream.ts'
import { type Allows, type Offer, visibleIn } from './visible.ts'

/** The list in Gemini's shape, on one page; ids that several providers serve appear once. */
export const geminiModelList = (providers: readonly Provider[], allows: Allows) => ({
  models: visibleIn('gemini_generate_content', providers, allows).map(geminiModel),
})

const geminiModel = ({ model, details, provider }: Offer) => ({
  name: `models/${model}`,
  baseModelId: model,
  version: '',
  displayName: model,
  description: provider.description ?? '',
  ...(details.contextLength !== undefined && { inputTokenLimit: details.contextLength }),
  ...(details.maxOutputTokens !== undefined && { outputTokenLimit: details.maxOutputTokens }),
  supportedGenerationMethods: details.methods ?? methodsOf(model),
})

/** No list of another shape says what a model is for; those that only embed say so in their name. */
const methodsOf = (model: string): readonly string[] =>
  /embed/i.test(model)
    ? ['embedContent', 'batchEmbedContents', 'countTokens']
    : ['generateContent', 'countTokens']
