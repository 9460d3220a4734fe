/**
 * A gateway in a process of its own, for tests that measure it: `fork` it with `--expose-gc` and the provider's URL.
 * Sends its address once it listens, and its live memory in bytes (after garbage collection) for every message.
 */
import { startTestGateway } from './gateway.ts'
import { models } from './setup-models.ts'

const [, , baseurl] = process.argv
const gateway = await startTestGateway({ providers: { local: { baseurl, models } } })
process.send?.({ port: gateway.port })
process.on('message', () => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  process.send?.({ live: heapUsed + external })
})
process.once('disconnect', () => process.exit(0))
