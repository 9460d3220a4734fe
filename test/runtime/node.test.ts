import { startOnNode } from './node.ts'
import { runtimeSuite } from './suite.ts'

runtimeSuite('Node', startOnNode)
