import { Ollama } from 'ollama'

const { URL: host, KEY: key } = process.env
const client = new Ollama({ host, headers: { authorization: `Bearer ${key}` } })
const messages = [{ role: 'user', content: 'Say hello.' }]
const model = 'llama3.2'

const { models } = await client.list()
const answer = await client.chat({ model, messages })
let stream = ''
for await (const part of await client.chat({ model, messages, stream: true })) {
  stream += part.message.content
}
const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const called = await client.chat({
  model,
  messages,
  tools: [{ type: 'function', function: { name: 'weather', description: '', parameters } }],
})
const { embeddings } = await client.embed({ model: 'nomic-embed-text', input: 'hello' })
console.log(
  JSON.stringify({
    ollama: {
      list: models.map((each) => each.name),
      chat: answer.message.content,
      stream,
      tools: called.message.tool_calls[0].function.arguments,
      embeddings: embeddings[0],
    },
  }),
)
