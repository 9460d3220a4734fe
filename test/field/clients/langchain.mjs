import { ChatAnthropic } from '@langchain/anthropic'
import { tool } from '@langchain/core/tools'
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { z } from 'zod'

const { URL: url, KEY: apiKey } = process.env
const configuration = { baseURL: `${url}/v1` }
const headers = { authorization: `Bearer ${apiKey}` }
const weather = tool(() => 'sunny', {
  name: 'weather',
  description: 'The weather.',
  schema: z.object({ city: z.string() }),
})

const ask = async (model, embeddings) => {
  const answer = await model.invoke('Say hello.')
  let stream = ''
  for await (const chunk of await model.stream('Say hello.')) stream += chunk.text
  const called = await model.bindTools([weather]).invoke('How is the weather?')
  const found = { chat: answer.text, stream, tools: called.tool_calls[0].args }
  return embeddings ? { ...found, embeddings: await embeddings.embedQuery('hello') } : found
}

const openai = { apiKey, configuration, model: 'gpt', maxRetries: 0 }
const ollama = { baseUrl: url, headers, maxRetries: 0 }
console.log(
  JSON.stringify({
    'chat completions': await ask(
      new ChatOpenAI(openai),
      new OpenAIEmbeddings({ ...openai, model: 'embed' }),
    ),
    responses: await ask(new ChatOpenAI({ ...openai, useResponsesApi: true })),
    messages: await ask(
      new ChatAnthropic({ apiKey, anthropicApiUrl: url, model: 'claude', maxRetries: 0 }),
    ),
    ollama: await ask(
      new ChatOllama({ ...ollama, model: 'llama3.2' }),
      new OllamaEmbeddings({ ...ollama, model: 'nomic-embed-text' }),
    ),
  }),
)
