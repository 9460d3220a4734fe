import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ollama, ollamaModels } from '../support/fake-ollama.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { callingModels, text, toolArguments, vector } from '../support/field/calling-models.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { javascriptClients, llamaIndex, pythonClients } from '../support/parts/clients.ts'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { must } from '../support/parts/run.ts'
import { type Ability, type Api, type Client, clients } from './clients.ts'

const plain: Readonly<Record<Ability, unknown>> = {
  list: [],
  chat: text,
  stream: text,
  tools: toolArguments,
  embeddings: vector,
}
const all = ['gpt', 'embed', 'claude', 'gemini', 'gemini-embed', ...ollamaModels]

/** What each API of the model servers behind the gateway answers. */
const answers: Readonly<Record<Api, Readonly<Record<Ability, unknown>>>> = {
  'chat completions': { ...plain, list: all },
  responses: plain,
  // Ollama speaks Messages, too.
  messages: { ...plain, list: ['claude', ...ollamaModels] },
  'generate content': { ...plain, list: ['gemini', 'gemini-embed'] },
  ollama: {
    ...plain,
    list: ollamaModels,
    chat: 'The sky.',
    stream: 'The sky.',
    embeddings: [0.1, 0.2],
  },
}

const expected = ({ apis }: Client) =>
  Object.fromEntries(
    Object.entries(apis).map(([api, abilities]) => [
      api,
      Object.fromEntries(abilities.map((ability) => [ability, answers[api as Api][ability]])),
    ]),
  )

describeWith([javascriptClients, pythonClients, llamaIndex], 'client libraries', () => {
  const upstreams: FakeUpstream[] = []
  let gateway: TestGateway
  beforeAll(async () => {
    upstreams.push(await startUpstream(callingModels), await startUpstream(ollama))
    const [models, local] = upstreams
    const provider = (names: readonly string[], compatibility: object) => ({
      baseurl: models?.url,
      models: names,
      compatibility,
    })
    gateway = await startTestGateway({
      rate_limits: [],
      providers: {
        openai: provider(['gpt', 'embed'], { openai_chat: true, openai_responses: true }),
        anthropic: provider(['claude'], { anthropic_messages: true }),
        google: provider(['gemini', 'gemini-embed'], { gemini_generate_content: true }),
        gpu: { baseurl: local?.url },
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

  const programs: Readonly<Record<Client['from'], () => readonly [string, string[], string?]>> = {
    // Modules of a program that is read from standard input are looked for in the working directory.
    npm: () => [process.execPath, ['--input-type=module', '-'], pathOf(javascriptClients)],
    'pypi-clients': () => [join(pathOf(pythonClients), 'python'), ['-']],
    'llama-index': () => [join(pathOf(llamaIndex), 'python'), ['-']],
  }

  test('curl does what it has', async () => {
    const curl = async (path: string, body?: object): Promise<string> => {
      const data = body ? ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)] : []
      const args = ['-sSfN', '-u', 'alice:alice-password', ...data, `${gateway.url}/v1/${path}`]
      return (await must('curl', args, { within: 20_000 })).stdout
    }
    const chat = { model: 'gpt', messages: [{ role: 'user', content: 'Say hello.' }] }
    const tools = [{ type: 'function', function: { name: 'weather', parameters: {} } }]
    const [choice] = JSON.parse(await curl('chat/completions', chat)).choices
    const [called] = JSON.parse(await curl('chat/completions', { ...chat, tools })).choices
    const events = (await curl('chat/completions', { ...chat, stream: true })).split('\n\n')
    const pieces = events.slice(0, -2).map((event) => JSON.parse(event.replace('data: ', '')))
    expect({
      list: JSON.parse(await curl('models')).data.map(({ id }: { id: string }) => id),
      chat: choice.message.content,
      stream: pieces.map(({ choices }) => choices[0]?.delta.content ?? '').join(''),
      tools: JSON.parse(called.message.tool_calls[0].function.arguments),
      embeddings: JSON.parse(await curl('embeddings', { model: 'embed', input: 'hello' })).data[0]
        .embedding,
    }).toEqual(answers['chat completions'])
  })

  test.each(clients.map((client) => [client.name, client] as const))(
    '%s does what it has',
    async (_, client) => {
      const input = await readFile(join(import.meta.dirname, 'clients', client.program), 'utf8')
      const [command, args, cwd] = programs[client.from]()
      const { stdout } = await must(command, args, {
        input,
        within: 100_000,
        env: {
          URL: gateway.url,
          KEY: 'alice:alice-password',
          LITELLM_LOCAL_MODEL_COST_MAP: 'True',
        },
        ...(cwd !== undefined && { cwd }),
      })
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual(expected(client))
    },
  )
})
