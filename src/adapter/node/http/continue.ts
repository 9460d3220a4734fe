import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Asks for a body that waits for leave (`Expect: 100-continue`) when something begins to read it, and not before: a client
 * that is refused need not send it, and learns nothing from a 100 that comes before the verdict (RFC 9110 §10.1.1).
 * A client without leave may send the body all the same, so its connection ends with the answer.
 */
export const continueWhenRead = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
  const { shouldKeepAlive } = outgoing
  const read = incoming._read
  outgoing.shouldKeepAlive = false
  incoming._read = (size) => {
    incoming._read = read
    // Node also reads what nobody wanted, after the answer.
    if (!outgoing.headersSent && !outgoing.destroyed) {
      outgoing.shouldKeepAlive = shouldKeepAlive
      outgoing.writeContinue()
    }
    read.call(incoming, size)
  }
}
