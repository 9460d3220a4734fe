import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { embed, generateText, streamText, tool } from 'ai'
import { z } from 'zod'

const { URL: url, KEY: apiKey } = process.env
const options = { baseURL: `${url}/v1`, apiKey }
const compatible = createOpenAICompatible({ name: 'gateway', ...options })
const openai = createOpenAI(options)
const anthropic = createAnthropic(options)
const google = createGoogle({ baseURL: `${url}/v1beta`, apiKey })

const ask = async (model, embedding) => {
  const plain = { model, prompt: 'Say hello.', maxRetries: 0 }
  const { text: chat } = await generateText(plain)
  let stream = ''
  for await (const text of streamText(plain).textStream) stream += text
  const weather = tool({ inputSchema: z.object({ city: z.string() }) })
  const { toolCalls } = await generateText({ ...plain, tools: { weather } })
  const tools = toolCalls[0].input
  if (!embedding) return { chat, stream, tools }
  const { embedding: embeddings } = await embed({ model: embedding, value: 'hello', maxRetries: 0 })
  return { chat, stream, tools, embeddings }
}

console.log(
  JSON.stringify({
    'chat completions': await ask(compatible('gpt'), compatible.embeddingModel('embed')),
    responses: await ask(openai('gpt'), openai.embeddingModel('embed')),
    messages: await ask(anthropic('claude')),
    'generate content': await ask(google('gemini'), google.embeddingModel('gemini-embed')),
  }),
)
