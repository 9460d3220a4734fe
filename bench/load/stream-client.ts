/**
 * Keeps a number of streams open and looks at when their frames come. `node stream-client.ts OPTIONS`, as JSON;
 * says on stdout, a line of JSON each, when it begins to count and what it has counted.
 */
import { connect, type Socket } from 'node:net'
import { microseconds } from '../process/time.ts'
import { Samples } from './samples.ts'
import type { ClientOptions, StreamCounts } from './streams.ts'

const options: ClientOptions = JSON.parse(process.argv[2] ?? '{}')
const { url, headers, body, streams, ramp, skip, seconds } = options
const { hostname, port, pathname } = new URL(url)

const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
const request =
  `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-length: ${body.length}\r\n` +
  `${lines.join('')}\r\n${body}`

const firsts = new Samples()
const delays = new Samples()
let counting = false
let broken = 0
let complaint = ''
let over = false
let open = 0

const stamp = /@(\d+) /g

/** One connection, and one stream after the other on it. */
const keepStreaming = (): void => {
  const socket = connect(Number(port), hostname)
  socket.setNoDelay(true)
  let asked = 0
  let carry = ''
  const ask = () => {
    asked = microseconds()
    socket.write(request)
  }
  const fail = (text: string) => {
    if (over) return
    broken++
    complaint ||= text.slice(0, 300)
    socket.destroy()
  }
  socket.once('connect', ask)
  socket.on('error', (error) => fail(error.message))
  socket.on('data', (bytes) => {
    const now = microseconds()
    const text = carry + bytes.toString('latin1')
    let end = 0
    for (const match of text.matchAll(stamp)) {
      if (asked > 0) {
        if (counting) firsts.add(now - asked)
        asked = 0
        open++
      }
      if (counting) delays.add(now - Number(match[1]))
      end = match.index + match[0].length
    }
    carry = text.slice(end).slice(-512)
    if (asked > 0 && /^HTTP\/1\.1 [345]/.test(carry)) return fail(carry)
    if (carry.endsWith('0\r\n\r\n')) {
      carry = ''
      open--
      again(socket, ask)
    }
  })
  socket.once('close', () => {
    if (!over) fail('closed')
  })
}

const again = (socket: Socket, ask: () => void): void => {
  if (over) socket.destroy()
  else ask()
}

const say = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

for (let i = 0; i < streams; i++) setTimeout(keepStreaming, (i * ramp * 1000) / streams)
setTimeout(() => {
  counting = true
  say({ counting: true, open })
}, skip * 1000)
setTimeout(
  () => {
    over = true
    const counts: StreamCounts = {
      frames: delays.count,
      open,
      broken,
      complaint,
      first: firsts.percentiles(),
      delay: delays.percentiles(),
    }
    say(counts)
    process.stdout.write('', () => process.exit(0))
  },
  (skip + seconds) * 1000,
)
