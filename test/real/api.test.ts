import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { caddy } from '../support/parts/caddy.ts'
import { llamaServer, weights } from '../support/parts/llama.ts'
import { describeWith } from '../support/parts/need.ts'
import { python, pythonSdks } from '../support/parts/python-sdks.ts'
import { run } from '../support/parts/run.ts'
import { completionsOf, doors, pair, type Stack, startStack } from './stack.ts'

const question = 'Say hello to Ada in one short sentence.'
const messages = [{ role: 'user' as const, content: question }]
const chat = { model: 'local-llm', messages, max_tokens: 24, seed: 1 }

/** What `curl` says: the status after a line of its own, so that bodies may hold anything. */
const curl = async (...args: readonly string[]) => {
  const { stdout } = await run('curl', ['-sS', '-w', '\n%{http_code}', ...args])
  const end = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) }
}

describeWith([llamaServer, weights, caddy], 'a real model server behind Postern', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ webui: false })
  })
  afterAll(() => stack?.stop())

  describe.each(doors)('asked through %s', (door) => {
    const at = (path: string) => `${stack[door].url}${path}`

    test('demands credentials for the list of models', async () => {
      const { status, body } = await curl(at('/v1/models'))
      expect(status).toBe(401)
      expect(JSON.parse(body).error.code).toBe('invalid_credentials')
      expect(body).not.toContain('local-llm')
    })

    test('refuses a wrong password', async () => {
      const { status } = await curl('-u', 'api_user:wrong', at('/v1/models'))
      expect(status).toBe(401)
    })

    test('lists the model to curl -u', async () => {
      const { status, body } = await curl('-u', pair('api_user'), at('/v1/models'))
      expect(status).toBe(200)
      expect(JSON.parse(body).data.map((model: { id: string }) => model.id)).toEqual(['local-llm'])
    })

    test('completes a chat for curl', async () => {
      const data = JSON.stringify(chat)
      const { status, body } = await curl(
        '-u',
        pair('api_user'),
        '--json',
        data,
        at('/v1/chat/completions'),
      )
      expect(status).toBe(200)
      const answer = JSON.parse(body)
      expect(answer.choices[0].message.content).toMatch(/\w/)
      expect(answer.usage.completion_tokens).toBeGreaterThan(0)
    })

    test('streams a chat to curl and adds no frame that was not asked for', async () => {
      const data = JSON.stringify({ ...chat, stream: true })
      const url = at('/v1/chat/completions')
      const { status, body } = await curl('-N', '-u', pair('api_user'), '--json', data, url)
      expect(status).toBe(200)
      const frames = body.split('\n\n').filter((frame) => frame.startsWith('data: '))
      expect(frames.length).toBeGreaterThan(3)
      expect(frames.at(-1)).toBe('data: [DONE]')
      const chunks = frames.slice(0, -1).map((frame) => JSON.parse(frame.slice(6)))
      expect(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage)).toBe(true)
    })

    test('speaks with the OpenAI SDK for Node', async () => {
      const client = new OpenAI({ baseURL: at('/v1'), apiKey: pair('api_user'), maxRetries: 0 })
      const answer = await client.chat.completions.create(chat)
      expect(answer.choices[0]?.message.content).toMatch(/\w/)
      const stream = await client.chat.completions.create({
        ...chat,
        stream: true,
        stream_options: { include_usage: true },
      })
      const chunks = []
      for await (const chunk of stream) chunks.push(chunk)
      expect(chunks.length).toBeGreaterThan(3)
      expect(chunks.at(-1)?.usage?.completion_tokens).toBeGreaterThan(0)
    })

    test('gives the OpenAI SDK the errors it knows', async () => {
      const client = new OpenAI({ baseURL: at('/v1'), apiKey: 'api_user:wrong', maxRetries: 0 })
      await expect(client.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
      const known = new OpenAI({ baseURL: at('/v1'), apiKey: pair('api_user'), maxRetries: 0 })
      const unknown = known.chat.completions.create({ ...chat, model: 'no-such-model' })
      await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
    })

    test('speaks with the Anthropic SDK', async () => {
      const client = new Anthropic({ baseURL: at(''), apiKey: pair('api_user'), maxRetries: 0 })
      const request = { model: 'local-llm', messages, max_tokens: 24 }
      const answer = await client.messages.create(request)
      expect(answer.content[0]).toMatchObject({ type: 'text', text: expect.stringMatching(/\w/) })
      const streamed = await client.messages.stream(request).finalMessage()
      expect(streamed.usage.output_tokens).toBeGreaterThan(0)
      const wrong = new Anthropic({ baseURL: at(''), apiKey: 'api_user:wrong', maxRetries: 0 })
      await expect(wrong.messages.create(request)).rejects.toBeInstanceOf(
        Anthropic.AuthenticationError,
      )
    })
  })

  test('enters each completion in the ledger with the tokens that the server counted', async () => {
    const before = (await completionsOf(stack.postern, 'api_user')).length
    for (const door of doors) {
      const client = new OpenAI({ baseURL: `${stack[door].url}/v1`, apiKey: pair('api_user') })
      const stream = await client.chat.completions.create({ ...chat, stream: true })
      for await (const _chunk of stream);
    }
    const rows = () => completionsOf(stack.postern, 'api_user')
    await expect.poll(async () => (await rows()).length, { timeout: 15_000 }).toBe(before + 2)
    for (const row of (await rows()).slice(0, 2)) {
      expect(row).toMatchObject({
        model: 'local-llm',
        provider: 'llama',
        status: 200,
        outcome: 'ok',
        tokens_source: 'reported',
      })
      expect(row.output_tokens).toBeGreaterThan(0)
      expect(row.output_tokens).toBeLessThanOrEqual(chat.max_tokens)
    }
  })

  test.each(doors)('stops the model when the client leaves through %s', async (door) => {
    const before = (await completionsOf(stack.postern, 'api_user')).length
    const leaving = new AbortController()
    const response = await fetch(`${stack[door].url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${pair('api_user')}` },
      // Half a minute of work, if nobody stops it.
      body: JSON.stringify({ ...chat, stream: true, max_tokens: 3000, ignore_eos: true }),
      signal: leaving.signal,
    })
    await response.body?.getReader().read()
    expect(await busySlots()).toBe(1)
    leaving.abort()
    await expect.poll(busySlots, { timeout: 3_000 }).toBe(0)
    const rows = () => completionsOf(stack.postern, 'api_user')
    await expect.poll(async () => (await rows()).length, { timeout: 15_000 }).toBe(before + 1)
    expect((await rows())[0]).toMatchObject({ outcome: 'client_gone', model: 'local-llm' })
    expect((await rows())[0]?.output_tokens).toBeGreaterThan(0)
  })

  const busySlots = async (): Promise<number> => {
    const slots = (await (await fetch(`${stack.llama.url}/slots`)).json()) as Slot[]
    return slots.filter((slot) => slot.is_processing).length
  }
})

/** One of the requests that llama.cpp works on at once. */
interface Slot {
  readonly is_processing: boolean
}

describeWith([llamaServer, weights, caddy, pythonSdks], 'the Python SDKs', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ webui: false })
  })
  afterAll(() => stack?.stop())

  test.each(doors)('complete and stream a chat through %s', async (door) => {
    const printed = await python(program, { BASE: stack[door].url, KEY: pair('api_user') })
    expect(JSON.parse(printed)).toEqual({
      models: ['local-llm'],
      answered: true,
      streamed: true,
      refused: 401,
      anthropic: true,
      anthropic_streamed: true,
    })
  })
})

const program = `
import json, os
import anthropic, openai

base, key = os.environ['BASE'], os.environ['KEY']
chat = dict(model='local-llm', messages=[{'role': 'user', 'content': 'Say hello.'}], max_tokens=16)
found = {}

client = openai.OpenAI(base_url=base + '/v1', api_key=key, max_retries=0)
found['models'] = [model.id for model in client.models.list()]
found['answered'] = bool(client.chat.completions.create(**chat).choices[0].message.content)
chunks = [chunk for chunk in client.chat.completions.create(**chat, stream=True)]
found['streamed'] = len(chunks) > 3
try:
    openai.OpenAI(base_url=base + '/v1', api_key='nobody:nothing', max_retries=0).models.list()
except openai.AuthenticationError as error:
    found['refused'] = error.status_code

claude = anthropic.Anthropic(base_url=base, api_key=key, max_retries=0)
found['anthropic'] = bool(claude.messages.create(**chat).content[0].text)
with claude.messages.stream(**chat) as stream:
    found['anthropic_streamed'] = len(list(stream.text_stream)) > 3
print(json.dumps(found))
`
