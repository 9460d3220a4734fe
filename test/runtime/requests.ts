import { expect } from 'vitest'
import type { Bench } from './suite.ts'

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

export const ALICE = { authorization: basic('alice', 'alice-password') }
export const BOB = { authorization: basic('bob', 'bob-password') }

/** A documentation address (RFC 5737): neither loopback nor a proxy. */
const ADDRESS = '203.0.113.7'

export interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly from?: string
  readonly signal?: AbortSignal
}

/** Sends a request to the gateway; uncompressed, so that bytes can be compared. */
export const ask = (
  { gateway }: Bench,
  path: string,
  { from = ADDRESS, headers, ...rest }: Ask = {},
): Promise<Response> =>
  fetch(gateway.url + path, {
    redirect: 'manual',
    ...rest,
    headers: { 'accept-encoding': 'identity', ...gateway.from(from), ...headers },
  })

/** A chat completion as alice. */
export const chat = (bench: Bench, body: object, more: Ask = {}): Promise<Response> =>
  ask(bench, '/v1/chat/completions', {
    ...more,
    method: 'POST',
    headers: { ...ALICE, 'content-type': 'application/json', ...more.headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
  })

/** For what happens soon, but not within the answer. Patient, because tests run beside others on two cores. */
export const eventually = <Seen>(look: () => Seen | Promise<Seen>) =>
  expect.poll(look, { timeout: 5000 })
