import { afterAll, beforeAll, expect, test } from 'vitest'
import { dialects } from '../support/fake-dialects.ts'
import { ollama } from '../support/fake-ollama.ts'
import { type FakeUpstream, startUpstream, words } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { describeWith } from '../support/parts/need.ts'
import { python, pythonSdks } from '../support/parts/python-sdks.ts'

/** Google's list, whose one model cannot write. */
const google: typeof dialects = (exchange) => {
  const { method, path } = exchange.request
  if (method !== 'GET' || !path.startsWith('/v1beta/models')) return dialects(exchange)
  const row = (name: string, ...supportedGenerationMethods: string[]) => ({
    name: `models/${name}`,
    supportedGenerationMethods,
  })
  const models = [row('gemini-3-pro', 'generateContent'), row('embedding-1', 'embedContent')]
  exchange.response.writeHead(200, { 'content-type': 'application/json' })
  exchange.response.end(JSON.stringify({ models }))
  return true
}

describeWith([pythonSdks], 'Python packages that their vendors publish', () => {
  const upstreams: FakeUpstream[] = []
  let gateway: TestGateway
  beforeAll(async () => {
    upstreams.push(await startUpstream(ollama), await startUpstream(google))
    const [local, cloud] = upstreams
    gateway = await startTestGateway({
      providers: {
        gpu: { baseurl: local?.url },
        gemini: { baseurl: cloud?.url, compatibility: { gemini_generate_content: true } },
      },
      grants: [
        {
          src: ['alice@example.com'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
        },
      ],
    })
  })
  afterAll(async () => {
    await gateway?.stop()
    await Promise.all(upstreams.map((upstream) => upstream.stop()))
  })
  const run = async (program: string) =>
    JSON.parse(await python(`import json\n${program}`, { URL: gateway.url }))

  test.each(['/ollama', ''])('Ollama’s, as Home Assistant uses it, below %j', async (below) => {
    const said = await run(`
import asyncio, os, ollama
async def main():
    client = ollama.AsyncClient(host=os.environ['URL'] + '${below}', headers={'Authorization': 'Bearer alice:alice-password'})
    hi = [{'role': 'user', 'content': 'hi'}]
    tools = [{'type': 'function', 'function': {'name': 'weather', 'parameters': {'type': 'object'}}}]
    text, calls = '', 0
    async for part in await client.chat('llama3.2', hi, stream=True, keep_alive='10s', options={'num_ctx': 8192}):
        text += part.message.content
    async for part in await client.chat('llama3.2', hi, stream=True, tools=tools):
        calls += len(part.message.tool_calls or [])
    try:
        await client.pull('llama3.2')
    except ollama.ResponseError as error:
        refused = [error.status_code, error.error]
    print(json.dumps({
        'models': [m.model for m in (await client.list()).models],
        'running': [m.context_length for m in (await client.ps()).models],
        'capabilities': (await client.show('llama3.2')).capabilities,
        'chat': (await client.chat('llama3.2', hi)).message.content,
        'text': text, 'calls': calls, 'refused': refused,
        'generate': (await client.generate('llama3.2', 'hi')).response,
        'embed': list((await client.embed('nomic-embed-text', 'hi')).embeddings[0]),
    }))
asyncio.run(main())`)
    expect(said).toEqual({
      models: ['llama3.2:latest', 'qwen3:8b', 'nomic-embed-text:latest'],
      running: [8192],
      capabilities: ['completion', 'tools'],
      chat: 'The sky.',
      text: 'The sky.',
      calls: 1,
      refused: [404, 'Models are managed on their server, not through the gateway.'],
      generate: 'The sky.',
      embed: [0.1, 0.2],
    })
  })

  test.each(['None', '"v1"', '"v1beta"', '"v1alpha"'])(
    'Google’s, with the API version %s',
    async (version) => {
      const said = await run(`
import os
from google import genai
from google.genai import types
client = genai.Client(api_key='alice:alice-password', http_options=types.HttpOptions(base_url=os.environ['URL'], api_version=${version}))
try:
    client.models.get(model='nope')
except genai.errors.ClientError as error:
    refused = [error.code, error.status]
print(json.dumps({
    'models': [m.name for m in client.models.list()],
    'one': client.models.get(model='gemini-3-pro').name,
    'text': client.models.generate_content(model='gemini-3-pro', contents='hi').text,
    'stream': ''.join(p.text or '' for p in client.models.generate_content_stream(model='gemini-3-pro', contents='hi')),
    'tokens': client.models.count_tokens(model='gemini-3-pro', contents='hi').total_tokens,
    'embed': client.models.embed_content(model='embedding-1', contents='hi').embeddings[0].values,
    'refused': refused,
}))`)
      expect(said).toEqual({
        models: ['models/gemini-3-pro', 'models/embedding-1'],
        one: 'models/gemini-3-pro',
        text: words.join(''),
        stream: words.join(''),
        tokens: 11,
        embed: [1],
        refused: [404, 'NOT_FOUND'],
      })
    },
  )
})
