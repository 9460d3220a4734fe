/**
 * Bytes of UTF-8 for a token, the rule of thumb for English text: four letters
 * (https://ai.google.dev/gemini-api/docs/tokens). It holds for other scripts too, as those of more bytes for a letter have
 * more tokens for it: a Chinese character (three bytes) comes to 0.75, a Cyrillic letter to a half, an emoji to one.
 */
const BYTES_PER_TOKEN = 4

/** Tokens of a text of so many bytes, about. */
export const tokensOfText = (bytes: number): number => Math.ceil(bytes / BYTES_PER_TOKEN)

/** What is held for a text: more than it comes to, but for the rarest of letters. */
const FEWEST_BYTES_PER_TOKEN = 3

export const mostTokensOfText = (bytes: number): number => Math.ceil(bytes / FEWEST_BYTES_PER_TOKEN)
