import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { open, post, until } from '../support/raw.ts'
import { chat, together } from '../support/setup.ts'

const t = together({
  config: { limits: { first_byte: '10m', idle: '1500ms', write_stall: '2500ms' } },
  script: {
    byModel: {
      'one-frame': ({ response }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
      },
    },
  },
})

const flood = post({ model: 'flood', stream: true, messages: [{ role: 'user', content: 'hi' }] })

/** Waits until the upstream could write no more, and tells since when, `performance.now()`. */
const stuckSince = async (): Promise<number> => {
  let last = t.upstream.sent
  let since = performance.now()
  await until(() => {
    if (t.upstream.sent !== last) {
      last = t.upstream.sent
      since = performance.now()
    }
    return performance.now() - since > 300
  })
  return since
}

describe('limits.write_stall', () => {
  it('is counted from the moment the client stops reading, however long first_byte is', async () => {
    const closes = t.upstream.closes
    const socket = await open(t.port, flood)
    socket.pause()
    const since = await stuckSince()
    await t.upstream.closed(closes + 1)
    const lasted = (t.upstream.closedAt.at(-1) ?? 0) - since
    expect(lasted).toBeGreaterThan(2200)
    expect(lasted).toBeLessThan(4000)
    socket.destroy()
  })

  it('does not end an answer whose client reads slowly all the time', async () => {
    const closes = t.upstream.closes
    const socket = await open(t.port, flood)
    socket.pause()
    await stuckSince()
    // Some 5 MB a second: the kernel tells the gateway only when much of what it keeps itself was read.
    let left = 0
    socket.on('data', (chunk) => {
      left -= chunk.length
      if (left <= 0) socket.pause()
    })
    const before = t.upstream.sent
    for (let round = 0; round < 45; round++) {
      left = 500_000
      socket.resume()
      await sleep(100)
    }
    expect(t.upstream.sent).toBeGreaterThan(before)
    expect(t.upstream.closes).toBe(closes)
    socket.destroy()
    await t.upstream.closed(closes + 1)
  }, 15_000)
})

it('limits.idle is counted from the last piece of the answer, however long first_byte is', async () => {
  const answer = await chat(t.url, { model: 'one-frame', stream: true })
  const started = performance.now()
  const text = await answer.text().catch((error: unknown) => String(error))
  expect(performance.now() - started).toBeLessThan(2500)
  expect(text).not.toContain('[DONE]')
})
