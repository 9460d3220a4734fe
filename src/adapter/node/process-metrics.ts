import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Family, single } from '../../platform/metric.ts'
import type { Platform } from '../../platform/platform.ts'
import type { StoreCounters } from './store/store.ts'

/**
 * What Node's host adds to `/metrics`: the ledger's queue, and the process under the names that prom-client gave them,
 * which dashboards know.
 */
export const createProcessMetrics = (store: {
  counters(): StoreCounters
}): NonNullable<Platform['processMetrics']> => {
  const lag = monitorEventLoopDelay({ resolution: 20 })
  lag.enable()
  const startedAt = Date.now() / 1000 - process.uptime()
  return () => {
    const families = [...ledger(store.counters()), ...processes(startedAt), ...loop(lag)]
    lag.reset()
    return families
  }
}

const ledger = ({ waiting, waitingBytes, journaled, shed }: StoreCounters): Family[] => [
  single('gauge', 'postern_ledger_waiting_rows', 'Rows in memory, not written yet.', waiting),
  single('gauge', 'postern_ledger_waiting_bytes', 'The bytes of those rows.', waitingBytes),
  single('gauge', 'postern_ledger_journal_bytes', 'Bytes in the journal.', journaled),
  single('counter', 'postern_ledger_shed_rows_total', 'Rows turned away: all was full.', shed),
]

const processes = (startedAt: number): Family[] => {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  const cpu = 'process_cpu_seconds_total'
  return [
    single('counter', cpu, 'Processor time, of user and system.', (user + system) / 1e6),
    single('gauge', 'process_start_time_seconds', 'Since 1970.', startedAt),
    single('gauge', 'process_resident_memory_bytes', 'Memory the process holds.', rss),
    single('gauge', 'nodejs_heap_size_used_bytes', 'Of the JavaScript heap.', heapUsed),
    single('gauge', 'nodejs_heap_size_total_bytes', 'The JavaScript heap.', heapTotal),
    single('gauge', 'nodejs_external_memory_bytes', 'Outside of that heap.', external),
    ...openFiles(),
  ]
}

/** Where the system tells. */
const openFiles = (): Family[] => {
  try {
    const count = readdirSync('/proc/self/fd').length
    return [single('gauge', 'process_open_fds', 'Open files and sockets.', count)]
  } catch {
    return []
  }
}

const loop = (lag: ReturnType<typeof monitorEventLoopDelay>): Family[] =>
  (['50', '99'] as const).map((percentile) => {
    // Nothing was measured yet: a percentile of nothing is not a number.
    const nanoseconds = lag.count === 0 ? 0 : lag.percentile(Number(percentile))
    const help = 'How late timers were since the page was last read, this percentile.'
    return single('gauge', `nodejs_eventloop_lag_p${percentile}_seconds`, help, nanoseconds / 1e9)
  })
