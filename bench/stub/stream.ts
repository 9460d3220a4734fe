/**
 * The model server that streams: server-sent events at a steady pace, each with the time at which it was sent. On bare
 * sockets, as an HTTP library would cost more than everything else here. `node stream.ts PORT`.
 */
import { createServer, type Socket } from 'node:net'
import { answerBody, model, modelsBody } from '../load/chat.ts'
import { microseconds } from '../process/time.ts'

interface Stream {
  readonly socket: Socket
  readonly interval: number
  left: number
  /** Microseconds. */
  due: number
}

const streams = new Set<Stream>()

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

const event = (delta: string, finish: string): string =>
  `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1763700000,"model":"${model}",` +
  `"choices":[{"index":0,"delta":${delta},"finish_reason":${finish}}]}\n\n`

const frame = (): string => event(`{"content":"@${microseconds()} "}`, 'null')

const streamHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'

/** What a request without `usage` in it would get as well: who asks for it is not slower for it. */
const last = chunk(event('{}', '"stop"'))
const usage = chunk(
  `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1763700000,"model":"${model}",` +
    '"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":64,"total_tokens":72}}\n\n',
)
const done = `${chunk('data: [DONE]\n\n')}0\r\n\r\n`

const send = (stream: Stream): void => {
  stream.left--
  if (stream.left > 0) {
    stream.due += stream.interval
    stream.socket.write(chunk(frame()))
    return
  }
  streams.delete(stream)
  stream.socket.write(chunk(frame()) + last + usage + done)
}

const plain = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`

const numberOf = (body: string, name: string): number =>
  Number(body.match(new RegExp(`"${name}":\\s*(\\d+)`))?.[1] ?? 0)

const answer = (socket: Socket, head: string, body: string): void => {
  if (head.startsWith('GET')) return void socket.write(plain(modelsBody))
  if (!/"stream":\s*true/.test(body)) return void socket.write(plain(answerBody))
  const interval = numberOf(body, 'seed') * 1000
  const stream = { socket, interval, left: numberOf(body, 'max_tokens'), due: microseconds() }
  socket.once('close', () => streams.delete(stream))
  streams.add(stream)
  socket.write(streamHead)
  send(stream)
  stream.due = microseconds() + interval
}

const lengthOf = (head: string): number => Number(head.match(/content-length: *(\d+)/i)?.[1] ?? 0)

const isWhole = (head: string, body: string): boolean =>
  /transfer-encoding: *chunked/i.test(head)
    ? body.endsWith('0\r\n\r\n')
    : body.length >= lengthOf(head)

const server = createServer({ noDelay: true }, (socket) => {
  let text = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = text.slice(0, end)
    const body = text.slice(end + 4)
    if (!isWhole(head, body)) return
    text = ''
    answer(socket, head, body)
  })
})

// One timer for all: as many as there are streams would make this the slowest part of what is measured.
setInterval(() => {
  const now = microseconds()
  for (const stream of streams) if (stream.due <= now) send(stream)
}, 1)

server.listen(Number(process.argv[2]), '127.0.0.1', 4096)
