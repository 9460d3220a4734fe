import type { Provider } from '../upstream/upstream.ts'

/**
 * Does this provider keep responses, so that they can be fetched, cancelled and run in the background? Servers of one's
 * own that are recognised answer once and forget, some of them although they are asked to keep; so a provider does
 * where the configuration says that it speaks the responses API, and it is none of these.
 */
export const keepsResponses = ({ dialectsGiven, dialects, server }: Provider): boolean =>
  dialectsGiven === true && dialects.has('openai_responses') && server === undefined
