import OpenAI from 'openai'

const { URL: url, KEY: apiKey } = process.env
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })
const model = 'gpt'
const messages = [{ role: 'user', content: 'Say hello.' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const tools = [{ type: 'function', function: { name: 'weather', parameters } }]

const list = []
for await (const each of client.models.list()) list.push(each.id)
const chat = await client.chat.completions.create({ model, messages })
let stream = ''
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  stream += chunk.choices[0]?.delta.content ?? ''
}
const { choices } = await client.chat.completions
  .stream({ model, messages, tools })
  .finalChatCompletion()
const { data } = await client.embeddings.create({ model: 'embed', input: 'hello' })
const response = await client.responses.create({ model, input: 'Say hello.' })
let streamed = ''
const events = client.responses.stream({ model, input: 'Say hello.' })
for await (const event of events) {
  if (event.type === 'response.output_text.delta') streamed += event.delta
}
const called = await client.responses.create({
  model,
  input: 'How is the weather?',
  tools: [{ type: 'function', name: 'weather', parameters, strict: false }],
})
console.log(
  JSON.stringify({
    'chat completions': {
      list,
      chat: chat.choices[0].message.content,
      stream,
      tools: JSON.parse(choices[0].message.tool_calls[0].function.arguments),
      embeddings: data[0].embedding,
    },
    responses: {
      chat: response.output_text,
      stream: streamed,
      tools: JSON.parse(called.output[0].arguments),
    },
  }),
)
