import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ollama } from '../support/fake-ollama.ts'
import type { Exchange } from '../support/fake-upstream.ts'
import { open, post, until } from '../support/raw.ts'
import { chat, together } from '../support/setup.ts'

const model = 'llama3.2:latest'
const line = (more: object) => `${JSON.stringify({ model, created_at: 'now', ...more })}\n`
const word = line({ message: { role: 'assistant', content: 'Hi' }, done: false })
const last = line({ done: true, done_reason: 'stop', prompt_eval_count: 26, eval_count: 3 })
const failure = `${JSON.stringify({ error: 'an error was encountered while running the model' })}\n`

type End = 'break' | 'end' | 'open'
/** By what the prompt says. */
const streams: Readonly<Record<string, readonly [body: readonly string[], end: End]>> = {
  breaks: [[word], 'break'],
  'breaks in a line': [[word, word.slice(0, 20)], 'break'],
  'breaks after the last': [[word, last], 'break'],
  fails: [[word, failure], 'end'],
  stays: [[word, last], 'open'],
}

const stream = async ({ response }: Exchange, body: readonly string[], end: End) => {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  for (const piece of body) {
    response.write(piece)
    await sleep(5)
  }
  if (end === 'end') response.end()
  if (end === 'break') response.destroy()
}

const server = together({
  provider: { models: [model], compatibility: undefined },
  script: {
    handler: async (exchange) => {
      const how = Object.keys(streams).find((each) => exchange.request.body.includes(`"${each}"`))
      const found = streams[how ?? '']
      if (!found) return ollama(exchange)
      await stream(exchange, ...found)
      return true
    },
  },
})

/** The lines of the answer, and its row. */
const asked = async (content: string) => {
  const rows = server.gateway.store.usage
  const before = rows.length
  const messages = [{ role: 'user', content }]
  const response = await chat(server.url, { model, messages }, { path: '/api/chat' })
  const text = await untilBroken(response)
  await until(() => rows.length > before)
  return { lines: text.trimEnd().split('\n'), row: rows.at(-1) }
}

/** All of the text, and no error where the connection breaks after it. */
const untilBroken = async (response: Response): Promise<string> => {
  const pieces: Uint8Array[] = []
  const reader = response.body?.getReader()
  for (;;) {
    const next = await reader?.read().catch(() => undefined)
    if (!next?.value) return Buffer.concat(pieces).toString()
    pieces.push(next.value)
  }
}

describe('a stream of Ollama’s lines', () => {
  it.each(['breaks', 'breaks in a line'])(
    'that %s ends in an error of its own kind',
    async (how) => {
      const { lines, row } = await asked(how)
      expect(lines[0]).toBe(word.trimEnd())
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
        error: 'The model server broke off its answer.',
        code: 'upstream_error',
      })
      expect(row).toMatchObject({ status: 200, outcome: 'upstream_error' })
    },
  )

  it('that reports a failure is one on the ledger', async () => {
    const { lines, row } = await asked('fails')
    expect(lines).toEqual([word.trimEnd(), failure.trimEnd()])
    expect(row).toMatchObject({ status: 200, outcome: 'upstream_error' })
  })

  it('is complete with its last line, whatever the connection does', async () => {
    const { lines, row } = await asked('breaks after the last')
    expect(lines).toEqual([word.trimEnd(), last.trimEnd()])
    expect(row).toMatchObject({ outcome: 'ok', inputTokens: 26, outputTokens: 3 })
  })

  it('is complete for a client that hangs up at its last line', async () => {
    const rows = server.gateway.store.usage
    const before = rows.length
    const messages = [{ role: 'user', content: 'stays' }]
    await hangUp(server.port, post({ model, messages }, { path: '/api/chat' }), '"done":true')
    await until(() => rows.length > before)
    expect(rows.at(-1)).toMatchObject({ outcome: 'ok', inputTokens: 26, outputTokens: 3 })
  })
})

const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: 3, totalTokenCount: 14 }
const candidate = (text: string, more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, ...more }],
  usageMetadata,
})
const end = candidate('.', { finishReason: 'STOP' })

const gemini = together({
  provider: { models: ['gemini-3-pro'], compatibility: { gemini_generate_content: true } },
  script: {
    handler: async ({ request, response }) => {
      const isEvents = request.path.includes('alt=sse')
      response.writeHead(200, {
        'content-type': isEvents ? 'text/event-stream' : 'application/json',
      })
      const pieces = [candidate('Hi'), end].map((each) => JSON.stringify(each))
      for (const [at, piece] of pieces.entries()) {
        response.write(isEvents ? `data: ${piece}\r\n\r\n` : `${at === 0 ? '[' : ',\r\n'}${piece}`)
        await sleep(5)
      }
      return true
    },
  },
})

describe('a stream of Gemini’s', () => {
  it.each(['?alt=sse', ''])(
    'is complete for a client that hangs up at the end of it: %s',
    async (query) => {
      const rows = gemini.gateway.store.usage
      const before = rows.length
      const path = `/v1beta/models/gemini-3-pro:streamGenerateContent${query}`
      await hangUp(gemini.port, post({ contents: [] }, { path }), '"finishReason"')
      await until(() => rows.length > before)
      expect(rows.at(-1)).toMatchObject({ outcome: 'ok', inputTokens: 11, outputTokens: 3 })
    },
  )
})

const hangUp = async (port: number, request: string, at: string): Promise<void> => {
  const socket = await open(port, request)
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes.toString()
    if (text.includes(at)) socket.destroy()
  })
  await once(socket, 'close')
}
