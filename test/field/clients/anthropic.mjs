import Anthropic from '@anthropic-ai/sdk'

const { URL: baseURL, KEY: apiKey } = process.env
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 })
const request = {
  model: 'claude',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'Say hello.' }],
}

const list = []
for await (const each of client.models.list()) list.push(each.id)
const message = await client.messages.create(request)
let stream = ''
for await (const event of client.messages.stream(request)) {
  if (event.type === 'content_block_delta') stream += event.delta.text
}
const input_schema = { type: 'object', properties: { city: { type: 'string' } } }
const called = await client.messages
  .stream({ ...request, tools: [{ name: 'weather', input_schema }] })
  .finalMessage()
console.log(
  JSON.stringify({
    messages: {
      list,
      chat: message.content[0].text,
      stream,
      tools: called.content[0].input,
    },
  }),
)
