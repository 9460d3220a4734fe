import { describe, expect, it } from 'vitest'
import { userMessage } from '../../src/gateway/hooks/user-message.ts'

describe('what a person said last', () => {
  const user = (content: unknown) => ({ role: 'user', content })
  it.each<[string, Record<string, unknown>, string]>([
    [
      'chat',
      { messages: [user('first'), { role: 'assistant', content: 'x' }, user('last')] },
      'last',
    ],
    [
      'parts',
      {
        messages: [
          user([{ type: 'text', text: 'a' }, { type: 'image_url' }, { type: 'text', text: 'b' }]),
        ],
      },
      'a\nb',
    ],
    [
      'tool results of Anthropic',
      { messages: [user('asked'), user([{ type: 'tool_result', content: 'r' }])] },
      'asked',
    ],
    ['responses', { input: [user([{ type: 'input_text', text: 'hi' }])] }, 'hi'],
    ['responses as a text', { input: 'hi' }, 'hi'],
    [
      'Gemini',
      {
        contents: [
          { role: 'user', parts: [{ text: 'hi' }] },
          { role: 'model', parts: [{ text: 'x' }] },
        ],
      },
      'hi',
    ],
    ['Gemini without a role', { contents: [{ parts: [{ text: 'hi' }] }] }, 'hi'],
    ['completions', { prompt: 'hi' }, 'hi'],
    ['nothing', { messages: 'x', input: 1 }, ''],
  ])('is found in %s', (_, body, expected) => {
    expect(userMessage(body)).toBe(expected)
  })
})
