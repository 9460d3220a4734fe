import { withStub } from './bench/stub/stub.ts'
import { together } from './bench/measures/together.ts'
import { inRounds } from './bench/measures/rounds.ts'
import { measureRequests } from './bench/measures/requests.ts'
import { measureStreams } from './bench/measures/streams.ts'
import { median } from './bench/load/samples.ts'
import { postern } from './bench/peers/postern.ts'
import { caddy } from './bench/peers/caddy.ts'
const bun = { ...postern, name: 'bun', prepare: async (s: any) => { const r = await postern.prepare(s); const p = r.program!; return { ...r, program: { ...p, command: '/tmp/bench6/bun/node_modules/@oven/bun-linux-x64/bin/bun', args: p.args.map((a) => a.replace(/^.*\/dist\//, '/tmp/bench6/bunt/dist/')) } } } }
const peers = [caddy, postern, bun]
await withStub('plain', async (url) => { await together('r', peers, url, async (running) => {
  const idle = running.map((r) => [r.peer.name, r.memory().now / 1e6 | 0, r.coldStart | 0]); console.log(JSON.stringify(idle))
  const { found, missing } = await inRounds('r', running, 4, measureRequests({ warm: 10, many: 3, alone: 2 }))
  for (const [n, rs] of found) console.log(n.padEnd(16), 'rate', median(rs.map((r) => r.rate)) | 0, 'cpu', median(rs.map((r) => r.cpuPerThousand)).toFixed(1), 'alone p50', median(rs.map(r => r.alone.p50)))
  console.log(missing)
}) })
await withStub('stream', async (url) => { await together('s', peers, url, async (running) => {
  const { found, missing } = await inRounds('s', running, 3, measureStreams(3))
  for (const [n, rs] of found) console.log(n.padEnd(16), 'cpu/1000 frames', median(rs.map((r) => r.cpuPerThousandFrames)).toFixed(1), 'first p50', median(rs.map((r) => r.first.p50)), 'delay p50', median(rs.map((r) => r.delay.p50)))
  console.log(missing, running.map((r) => [r.peer.name, r.memory().peak / 1e6 | 0]))
}) })
process.exit(0)
