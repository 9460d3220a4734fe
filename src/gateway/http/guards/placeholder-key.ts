/**
 * Words that clients which insist on an API key are told to send to a server that needs none: by Aperture's launcher and
 * guides (`-`, `not-needed`, `not-required`, `bearer-managed`), llama.cpp (`sk-no-key-required`), vLLM (`EMPTY`), LM Studio and Ollama.
 */
const words: ReadonlySet<string> = new Set([
  '',
  '-',
  'not-needed',
  'not-required',
  'bearer-managed',
  'not-used',
  'unused',
  'none',
  'no-key-required',
  'sk-no-key-required',
  'empty',
  'dummy',
  'placeholder',
  'lm-studio',
  'ollama',
])

/** A key that claims nothing: no server issues it, and it is not an attempt to guess one. */
export const isPlaceholderKey = (key: string): boolean =>
  key.length <= 18 && words.has(key.toLowerCase())
