import { waitUntil } from 'cloudflare:workers'
import { bindingsOf, canonical } from './bindings.ts'
import { ConfigError, type WorkerEnv } from './config.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { createLog } from './log.ts'

/** One gateway per isolate, made by its first request: before it, the runtime gives no network and no randomness. */
let gateway: Promise<Gateway> | undefined

const gatewayFor = (env: WorkerEnv): Promise<Gateway> => {
  const starting = gateway ?? startGateway(env)
  gateway = starting
  // Others wait for the same start: it must not stop when the first client leaves.
  waitUntil(
    starting.catch(() => {
      gateway = undefined
    }),
  )
  return starting
}

const serve = async (request: Request, env: WorkerEnv): Promise<Response> => {
  try {
    const { fetch } = await gatewayFor(env)
    const bindings = bindingsOf(request)
    return await fetch(canonical(request, bindings), bindings)
  } catch (error) {
    return broken(error)
  }
}

/** The gateway could not be made: nothing of it, not even its error handling, is there to answer. */
const broken = (error: unknown): Response => {
  const log = createLog({ level: 'error', secrets: [] })
  const misconfigured = error instanceof ConfigError
  const reasons = misconfigured ? error.problems : [String(error)]
  for (const reason of reasons) log('error', misconfigured ? 'config.error' : 'start', { reason })
  const message = misconfigured
    ? 'The gateway is not configured; its log says what is wrong.'
    : 'The gateway failed; its log has the cause.'
  const body = { error: { message, type: 'api_error', code: 'internal_error', param: null } }
  return Response.json(body, { status: 500 })
}

export default { fetch: serve }
