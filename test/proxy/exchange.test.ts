import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { exchange } from '../../src/gateway/proxy/exchange.ts'
import type { Send, UpstreamSink } from '../../src/platform/upstream.ts'

/** An upstream that writes on when it is asked to pause, as one whose last packet held many frames does. */
const upstream = () => {
  const state: { sink?: UpstreamSink; aborted: boolean } = { aborted: false }
  const send: Send = (_request, sink) => {
    state.sink = sink
    return {
      pause: () => {},
      resume: () => {},
      abort: () => {
        state.aborted = true
      },
    }
  }
  return { state, send }
}

const begin = async (limits: { firstByte: number; idle: number; writeStall: number }) => {
  const { state, send } = upstream()
  const answer = exchange({
    send,
    clock: { now: () => Date.now(), elapsed: () => performance.now() },
    limits,
    request: { origin: 'http://h', path: '/', method: 'POST', headers: [], body: null },
    disconnect: { aborted: false, onAbort: () => () => {} },
    truncate: undefined,
    activeExchanges: new Set(),
    accept: () => ({ push: (chunk) => chunk, flush: () => null, done: () => {} }),
    errorFrame: () => null,
  })
  state.sink?.head(200, [])
  const body = (await answer).body as ReadableStream<Uint8Array>
  return { state, body }
}

it('a client that takes one piece after the other, each in time, gets them all', async () => {
  const { state, body } = await begin({ firstByte: 60_000, idle: 60_000, writeStall: 400 })
  for (let i = 0; i < 12; i++) state.sink?.data(new Uint8Array(16_384))
  const reader = body.getReader()
  for (let i = 0; i < 12; i++) {
    await sleep(150)
    expect((await reader.read()).value?.length).toBe(16_384)
  }
  expect(state.aborted).toBe(false)
})

it('a client that takes nothing is given up after write_stall, and not later', async () => {
  const { state } = await begin({ firstByte: 60_000, idle: 60_000, writeStall: 400 })
  state.sink?.data(new Uint8Array(20_000))
  await sleep(200)
  // What was under way already says nothing of the client.
  state.sink?.data(new Uint8Array(20_000))
  expect(state.aborted).toBe(false)
  await sleep(350)
  expect(state.aborted).toBe(true)
})
