import { expect, test } from 'vitest'
import { joinBase } from '../../src/gateway/upstream/join.ts'

test.each([
  ['http://h:8000', 'chat/completions', 'http://h:8000', '/v1/chat/completions'],
  ['http://h:8000/', 'chat/completions', 'http://h:8000', '/v1/chat/completions'],
  ['http://h:8000/v1', 'chat/completions', 'http://h:8000', '/v1/chat/completions'],
  ['http://h:8000/v1/', 'chat/completions', 'http://h:8000', '/v1/chat/completions'],
  ['http://h:8000/v1//', 'models', 'http://h:8000', '/v1/models'],
  [
    'https://openrouter.ai/api/',
    'chat/completions',
    'https://openrouter.ai',
    '/api/v1/chat/completions',
  ],
  ['https://openrouter.ai/api/v1', 'models', 'https://openrouter.ai', '/api/v1/models'],
  [
    'https://z.ai/api/coding/paas/v4',
    'chat/completions',
    'https://z.ai',
    '/api/coding/paas/v4/chat/completions',
  ],
  ['https://z.ai/api/coding/paas/v4/', 'models', 'https://z.ai', '/api/coding/paas/v4/models'],
  ['https://g.example/v1beta', 'models', 'https://g.example', '/v1beta/models'],
  ['https://g.example/v1beta2/', 'models', 'https://g.example', '/v1beta2/models'],
  ['https://g.example/v1alpha', 'models', 'https://g.example', '/v1alpha/models'],
  ['https://api.anthropic.com', 'messages', 'https://api.anthropic.com', '/v1/messages'],
  [
    'https://api.anthropic.com/v1',
    'messages/count_tokens',
    'https://api.anthropic.com',
    '/v1/messages/count_tokens',
  ],
  ['https://api.openai.com/', 'responses', 'https://api.openai.com', '/v1/responses'],
  ['http://h', 'embeddings', 'http://h', '/v1/embeddings'],
  ['http://h', 'audio/transcriptions', 'http://h', '/v1/audio/transcriptions'],
  ['http://h/v1x', 'models', 'http://h', '/v1x/v1/models'],
  ['http://h/version/1', 'models', 'http://h', '/version/1/v1/models'],
  ['http://h/v1/proxy', 'models', 'http://h', '/v1/proxy/v1/models'],
  ['http://[::1]:8000/v1', 'models', 'http://[::1]:8000', '/v1/models'],
  ['https://h:443', 'models', 'https://h', '/v1/models'],
  ['demo:', 'chat/completions', 'demo:', '/v1/chat/completions'],
])('%s and %s make %s%s', (baseurl, operation, origin, path) => {
  expect(joinBase(baseurl, operation)).toEqual({ origin, path })
})

test('a base without a version gets the one of the dialect', () => {
  expect(joinBase('http://h', 'models', 'v1beta').path).toBe('/v1beta/models')
  expect(joinBase('http://h/v1', 'models', 'v1beta').path).toBe('/v1/models')
})

test('the operation cannot change the origin', () => {
  expect(joinBase('http://h', '/evil.example/x').origin).toBe('http://h')
  expect(joinBase('http://h', 'http://evil.example/x').origin).toBe('http://h')
})
