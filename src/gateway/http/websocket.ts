import type { Context } from 'hono'
import { Failure } from '../../platform/failure.ts'
import type { Env } from './env.ts'

/** 16 bytes in base64; the last character before the padding holds two bits of them (RFC 6455 §4.2.1). */
const nonce = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/**
 * Checks what a client must send to open a WebSocket, before a server behind us is asked: that one may be laxer, and would
 * then be spoken to in a protocol that it does not know (RFC 6455 §4.2.1 and §4.4).
 * @throws Failure 426 for another version of the protocol, 400 for all else
 */
export const requireHandshake = (c: Context<Env>): void => {
  const { headers } = c.req.raw
  if (headers.get('sec-websocket-version') !== '13') {
    throw new Failure('upgrade_required', 'Use version 13 of the WebSocket protocol.', {
      headers: { 'sec-websocket-version': '13', upgrade: 'websocket' },
    })
  }
  if (!nonce.test(headers.get('sec-websocket-key') ?? '')) {
    throw new Failure(
      'invalid_request',
      'Sec-WebSocket-Key must be there once and hold 16 bytes in base64.',
    )
  }
}

/** A WebSocket takes GET over HTTP/1.1; anything else that asks for one would be answered as if it had not asked. */
export const refuseHalfUpgrade = (c: Context<Env>): void => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return
  throw new Failure('invalid_request', 'A WebSocket is opened by GET over HTTP/1.1.')
}
