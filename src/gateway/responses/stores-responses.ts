import type { Provider } from '../../platform/upstream.ts'

/**
 * Does this provider store responses, so that they can be fetched, cancelled and run in the background? Local servers
 * (llama.cpp, LM Studio, Ollama, SGLang, vLLM) answer once and forget, some of them although they accept `store`. So a
 * provider counts where the configuration says that it speaks the responses API and it is not recognised as one of these.
 */
export const storesResponses = ({ dialectsGiven, dialects, server }: Provider): boolean =>
  dialectsGiven === true && dialects.has('openai_responses') && server === undefined
