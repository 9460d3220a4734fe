import { runtimeSuite } from './suite.ts'
import { startOnWorkers } from './workers.ts'

runtimeSuite('Cloudflare Workers', startOnWorkers)
