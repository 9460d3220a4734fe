import type { Socket } from 'node:net'
import { errorBody } from '../../../gateway/dialect/envelope.ts'
import { type ErrorCode, Failure } from '../../../platform/failure.ts'
import { uuidv7 } from '../uuid.ts'

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
}

const codes: Readonly<Record<string, [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The request headers are larger than 16 KiB.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['request_too_large', 'The chunk extensions are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request headers came too slowly.'],
}

/** What Node's parser could not read never becomes a request: answered on the socket, which is then closed. */
export const refuseOnWire = (error: Error & { code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [code, message] = codes[error.code ?? ''] ?? [
    'invalid_request',
    'This is not a valid HTTP request.',
  ]
  const failure = new Failure(code, message)
  const id = uuidv7()
  const body = JSON.stringify(errorBody('openai', failure, id))
  socket.end(
    `HTTP/1.1 ${failure.status} ${reasons[failure.status]}\r\nConnection: close\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nX-Request-Id: ${id}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
