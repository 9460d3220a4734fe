import { request } from 'node:http'

/** The status of one request on a connection of its own; 0 when there is no answer. */
export const ask = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<number> =>
  new Promise((resolve) => {
    const sent = request(url, { method: 'POST', headers, agent: false }, (answer) => {
      answer.resume()
      answer.once('error', () => resolve(0))
      answer.once('end', () => resolve(answer.statusCode ?? 0))
    })
    sent.once('error', () => resolve(0))
    sent.end(body)
  })
