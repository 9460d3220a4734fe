import type { Provider } from '../../src/platform/upstream.ts'

/** A provider that speaks OpenAI chat; whatever else a test cares about is given. */
export const provider = (
  id: string,
  models: readonly string[],
  more: Partial<Provider> = {},
): Provider => ({
  id,
  name: '',
  baseurl: `http://${id}.test`,
  models,
  apikey: '',
  authorization: 'bearer',
  authMode: 'override',
  dialects: new Set(['openai_chat']),
  addHeaders: [],
  preference: 0,
  disabled: false,
  details: new Map(),
  ...more,
})
