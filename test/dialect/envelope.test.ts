import { describe, expect, it } from 'vitest'
import {
  type Envelope,
  envelopeOf,
  errorBody,
  errorHeaders,
} from '../../src/gateway/dialect/envelope.ts'

const limited = { status: 429, code: 'quota_exceeded', message: 'No more today.' } as const

describe('an error', () => {
  it.each<[string, Envelope]>([
    ['/v1/chat/completions', 'openai'],
    ['/v1/messages', 'anthropic'],
    ['/v1/messages/count_tokens', 'anthropic'],
    ['/v1beta/models/x:generateContent', 'gemini'],
    ['/v1beta1/publishers/google/models/x:generateContent', 'gemini'],
    ['/v1/publishers/google/models/x:generateContent', 'gemini'],
    ['/v1/projects/p/locations/l/publishers/anthropic/models/x:rawPredict', 'gemini'],
    ['/bedrock/model/x/invoke', 'bedrock'],
    ['/bedrock', 'bedrock'],
    ['/bedrocks', 'openai'],
    ['/v1beta2/x', 'openai'],
    ['/codex/responses', 'openai'],
    ['/v1alpha/models', 'gemini'],
    ['/v1/models/x:generateContent', 'gemini'],
    ['/v1/models/a%2Fb:batchEmbedContents', 'gemini'],
    ['/models/x:generateContent', 'gemini'],
    ['/v1/models/llama3:8b', 'openai'],
    ['/ollama/api/chat', 'ollama'],
    ['/api/tags', 'ollama'],
    ['/api/chat/completions', 'openai'],
  ])('at %s speaks %s', (path, envelope) => {
    expect(envelopeOf(path)).toBe(envelope)
  })

  it('at Bedrock names Amazon’s exception in a header', () => {
    expect(errorBody('bedrock', limited, 'r')).toEqual({
      message: 'No more today.',
      code: 'quota_exceeded',
      requestId: 'r',
    })
    const type = (status: 400 | 404 | 413 | 429 | 503) =>
      errorHeaders('bedrock', { ...limited, status })['x-amzn-errortype']
    expect([400, 404, 413, 429, 503].map((status) => type(status as 400))).toEqual([
      'ValidationException',
      'ResourceNotFoundException',
      'ValidationException',
      'ThrottlingException',
      'ServiceUnavailableException',
    ])
    expect(errorHeaders('openai', limited)).toEqual({})
  })

  it('at Google has a number, a message and a status', () => {
    expect(errorBody('gemini', limited, 'r')).toMatchObject({
      error: { code: 429, message: 'No more today.', status: 'RESOURCE_EXHAUSTED' },
    })
  })
})
