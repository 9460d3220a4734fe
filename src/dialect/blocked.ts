import type { Envelope } from './envelope.ts'

/** Exactly what Aperture answers for a guard, whatever the status that it chose. */
export const blockedBody = (envelope: Envelope, status: number, message: string): object => {
  switch (envelope) {
    case 'anthropic':
      return { type: 'error', error: { type: 'invalid_request_error', message } }
    case 'gemini':
      return { error: { code: status, message, status: 'PERMISSION_DENIED' } }
    case 'bedrock':
      return { message }
    case 'ollama':
      return { error: message }
    default:
      return { error: { message, type: 'guardrail_blocked' } }
  }
}
