import { plans } from './bench/plan.ts'
import { withStub } from './bench/stub/stub.ts'
import { together } from './bench/measures/together.ts'
import { inRounds } from './bench/measures/rounds.ts'
import { measureRequests } from './bench/measures/requests.ts'
import { median } from './bench/load/samples.ts'
const names = process.argv[2].split(','); const rounds = Number(process.argv[3] ?? 3)
const peers = plans.full.peers.filter((p) => names.includes(p.name))
await withStub('plain', async (url) => { await together('r', peers, url, async (running) => {
  const { found } = await inRounds('r', running, rounds, measureRequests({ warm: 6, many: 3, alone: 1 }))
  for (const [n, rs] of found) console.log(n.padEnd(16), 'rate', median(rs.map((r) => r.rate)) | 0, 'cpu', median(rs.map((r) => r.cpuPerThousand)).toFixed(1), 'alone p50', median(rs.map(r => r.alone.p50)), 'rss', running.find((r) => r.peer.name === n)!.memory().peak / 1e6 | 0)
}) })
process.exit(0)
