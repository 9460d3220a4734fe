import { GoogleGenAI } from '@google/genai'

const { URL: baseUrl, KEY: apiKey } = process.env
const { models } = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } })
const request = { model: 'gemini', contents: 'Say hello.' }

const list = []
for await (const each of await models.list()) list.push(each.name.replace('models/', ''))
const answer = await models.generateContent(request)
let stream = ''
for await (const part of await models.generateContentStream(request)) stream += part.text ?? ''
const parametersJsonSchema = { type: 'object', properties: { city: { type: 'string' } } }
const functionDeclarations = [{ name: 'weather', parametersJsonSchema }]
const called = await models.generateContent({
  ...request,
  config: { tools: [{ functionDeclarations }] },
})
const { embeddings } = await models.embedContent({ model: 'gemini-embed', contents: 'hello' })
console.log(
  JSON.stringify({
    'generate content': {
      list,
      chat: answer.text,
      stream,
      tools: called.functionCalls[0].args,
      embeddings: embeddings[0].values,
    },
  }),
)
