import { mkdir } from 'node:fs/promises'
import { watchHandEdits } from '../../admin/api/config/versions.ts'
import { createState } from '../../app/state.ts'
import type { Config } from '../../config/config.ts'
import { formatProblem } from '../../config/problem.ts'
import { secretsOf } from '../../gateway/http/log/log-line.ts'
import { priceFinder } from '../../gateway/prices/price.ts'
import { withDemo } from '../../gateway/upstream/demo.ts'
import { createRegistry } from '../../gateway/upstream/registry.ts'
import { createExporter } from '../../ledger/export/exporter.ts'
import { createPut } from '../../ledger/export/s3.ts'
import { loadConfig, watchConfig } from './config/config-file.ts'
import { createDocument } from './config/document.ts'
import { welcome, writeFirstConfig } from './config/first-run.ts'
import { createReload } from './config/reload.ts'
import { createMachine } from './doctor/doctor.ts'
import { startGateway } from './gateway.ts'
import { createTransport } from './http/transport.ts'
import { createLog, type NodeLog } from './log.ts'
import { createPlatform } from './platform.ts'
import { createProcessMetrics } from './process-metrics.ts'
import { openShared } from './redis/shared.ts'
import { createPasswordPool } from './secrets/passwords.ts'
import { readSessionSecret } from './secrets/session-secret.ts'
import { openStore } from './store/store.ts'
import { absoluteIn, type Place } from './tailscaled/expose/change.ts'
import { endOverdue, keepDeadline } from './tailscaled/expose/deadline.ts'
import { createLocalApi } from './tailscaled/localapi.ts'
import { createTailnetChecks } from './tailscaled/tailnet-checks.ts'

export interface RunOptions {
  readonly configPath: string
  readonly dataDir: string
}

/** ms between two looks at where tailscaled leads; what is believed does not wait for them. */
const lookEvery = 2000
/** ms for answers to finish after SIGTERM. */
const grace = 30_000

/**
 * The whole life of the process: configuration, parts, listeners, reloads, signals, a clean end.
 * @throws Error with a message for people when it may not or cannot start
 */
export const run = async ({ configPath, dataDir }: RunOptions): Promise<void> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const transport = createTransport()
  const first = await writeFirstConfig(configPath, transport.send)
  const placeOf = (given: Config) => ({ configPath, dataDir, ...tailscaledOf(given) })
  const loaded = await loadInTime(configPath, placeOf)
  let { config } = loaded
  let secrets = secretsOf(config)
  const nodeLog = createLog({ level: () => config.log.level, secrets: () => secrets })
  const { log } = nodeLog
  const checks = createTailnetChecks({
    localApi: (given) => tailscaledOf(given).localApi,
    absolute: absoluteIn({ dataDir }),
    log,
  })
  await checks.start(config)
  const sessionSecret = await readSessionSecret(dataDir)
  const store = await openStore({ ...config.database, dataDir, log })
  const passwords = createPasswordPool()
  const shared = config.redis && (await openShared(config.redis, log))
  const send = withDemo(transport.send)
  const tailscale = createLocalApi({ socket: () => config.tailscale.socket })
  const processMetrics = createProcessMetrics(store)
  const machine = createMachine({ dataDir, config: () => config, running: async () => true })
  const parts = { store, passwords, send, log, tailscale, sessionSecret, processMetrics, machine }
  const platform = createPlatform({ ...parts, shared: shared?.counters })
  const registry = createRegistry(platform, config)
  const document = createDocument({ path: configPath, reload: () => reload.now() })
  const state = createState(platform, registry, document)
  await Promise.all([registry.start(), state.bans.loaded, state.keys.loaded])
  const gateway = await startGateway({ config, platform, state, dataDir }).catch(
    async (error: unknown) => {
      // Their threads would keep the process from ending.
      registry.stop()
      shared?.close()
      await Promise.all([store.close(), transport.close(), passwords.close()])
      throw error
    },
  )
  welcome({ config, configPath, gateway, registry, first })
  // Now that nobody waits: reading the lists would hold up the first request that needs one. Whoever asks is told of an error.
  void priceFinder(registry.providers(), platform.clock.now()).catch(() => {})

  const exporter = createExporter({ ...platform, put: createPut(platform) })
  exporter.use(config.exporters.s3)
  const edited = watchHandEdits(platform, loaded.text)
  const reload = createReload({
    path: configPath,
    log,
    apply: async (next, text) => {
      const refused = await checks.reload(config, next)
      if (refused.length > 0) throw new Error(refused.join(' | '))
      await gateway.reload(next)
      config = next
      secrets = secretsOf(next)
      exporter.use(next.exporters.s3)
      await registry.update(next)
      platform.waitUntil(edited(text))
    },
  })
  const watcher = watchConfig(configPath, reload.soon, { since: loaded.version })
  process.on('SIGHUP', reload.soon)
  const { clock } = platform
  const watched = checks.watch(() => config)
  const looking = setInterval(() => void state.forwards.look(gateway.listeners), lookEvery)
  const deadline = keepDeadline({
    place: () => placeOf(config),
    clock,
    log,
    mode: () => config.mode,
  })

  await untilSignalled(nodeLog)
  watcher.close()
  watched.stop()
  clearInterval(looking)
  deadline.stop()
  registry.stop()
  await Promise.all([gateway.stop(grace), exporter.stop()])
  await store.close()
  shared?.close()
  await Promise.all([transport.close(), passwords.close()])
  log('info', 'stopped', {})
  nodeLog.flush()
  process.exit(0)
}

const tailscaledOf = ({ tailscale: { socket } }: Config) => ({
  socket,
  localApi: createLocalApi({ socket: () => socket }),
})

/** What was exposed until a time that has passed is closed before anything is opened. */
const loadInTime = async (path: string, placeOf: (config: Config) => Place) => {
  const loaded = await loadOrRefuse(path)
  const place = placeOf(loaded.config)
  return (await endOverdue(place, loaded.config.mode)) ? loadOrRefuse(path) : loaded
}

const loadOrRefuse = async (path: string) => {
  const { config, problems, version, text } = await loadConfig(path)
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
  if (!config) throw new Error(`${path} cannot be used; nothing was started`)
  return { config, version, text }
}

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process on the spot. */
const untilSignalled = ({ log, flush }: NodeLog): Promise<void> =>
  new Promise((resolve) => {
    let asked = false
    const stop = (signal: string): void => {
      if (asked) {
        flush()
        process.exit(1)
      }
      asked = true
      log('info', 'stopping', { signal })
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    // Half-dead is worse than dead: the supervisor starts it anew, and the ledger's journal keeps the rows.
    process.on('uncaughtException', (error) => {
      log('error', 'crash', { reason: error.stack ?? String(error) })
      flush()
      process.exit(1)
    })
  })
