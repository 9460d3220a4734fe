import type { Config, WebuiConfig } from '../../../config/config.ts'
import { ask } from '../../../gateway/upstream/ask.ts'
import { isObject } from '../../../gateway/upstream/probe/describe.ts'
import type { Machine, MachineFacts } from '../../../platform/machine.ts'
import { olderThan } from '../../../tailscale/version.ts'
import { hostOf, isLoopback, originPort, reachedFromOutside } from '../addresses.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check, Given } from '../given.ts'
import { patience } from '../in-time.ts'
import { codeOf, inWords } from '../trouble.ts'
import { checkItsModels } from './webui-models.ts'

/** CVE-2026-45339, -45400, -45401. */
const floor = '0.9.5'

/** Is it there, is it Open WebUI, and do both sides mean the same by a login? */
export const checkWebui: Check = async (given) => {
  const { webui } = given.config
  if (webui === undefined) return []
  const address = new URL(webui.url).host
  const [page, elsewhere] = await Promise.all([
    lookAtPage(webui, given),
    lookAround(webui, given.config, given.machine),
  ])
  const found = [...page, ...elsewhere]
  return found.length > 0 ? found : [fine('webui', 'Open WebUI', `answers at ${address}`)]
}

/** What `/api/config` tells everybody (Open WebUI 0.12 main.py). */
interface Told {
  readonly version: string
  readonly onboarding: boolean
  readonly features: Readonly<Record<string, unknown>>
}

const lookAtPage = async (webui: WebuiConfig, given: Given): Promise<Finding[]> => {
  const { origin, host } = new URL(webui.url)
  const headers = [['accept', 'application/json']] as const
  const request = { origin, path: '/api/config', method: 'GET', headers, body: null }
  const limits = { timeoutMs: patience, maxBytes: 1_000_000 }
  try {
    const { status, body } = await ask(given.send, request, limits)
    if (status >= 500) return [unreachable(host, `it answers ${status}`)]
    const told = status === 200 ? parse(body) : undefined
    if (told === undefined) return [finding('webui.another', 'webui', { address: host })]
    // Without an account nobody has chatted yet.
    const models = told.onboarding ? [] : await checkItsModels(webui, given)
    return [
      ...version(told),
      ...logins(told, webui, given.config),
      ...(await socket(webui, given)),
      ...models,
    ]
  } catch (error) {
    return [unreachable(host, inWords(error))]
  }
}

const unreachable = (address: string, reason: string): Finding =>
  finding('webui.unreachable', 'webui', { address, reason })

const parse = (body: string): Told | undefined => {
  try {
    const json: unknown = JSON.parse(body)
    if (!isObject(json) || typeof json.name !== 'string' || !isObject(json.features))
      return undefined
    const { version, onboarding, features } = json
    return { version: String(version ?? ''), onboarding: onboarding === true, features }
  } catch {
    return undefined
  }
}

const version = ({ version: told }: Told): Finding[] =>
  olderThan(told, floor) ? [finding('webui.old', 'webui', { version: told, floor })] : []

const logins = (
  { features, onboarding }: Told,
  webui: WebuiConfig,
  { mode }: Config,
): Finding[] => {
  const { auth, auth_trusted_header: byHeader } = features
  const found: Finding[] = []
  if (webui.sso === 'trusted-header' && byHeader === false) {
    found.push(finding('webui.sso_off_there', 'webui', { header: webui.headers.email }))
  }
  if (webui.sso === 'off' && byHeader === true) {
    found.push(finding('webui.sso_off_here', 'webui'))
  }
  const isPublic = webui.public && (mode === 'funnel' || mode === 'both')
  if (auth === false && isPublic) found.push(finding('webui.no_login', 'webui'))
  if (onboarding && auth !== false) found.push(finding('webui.no_account', 'webui'))
  return found
}

/** The handshake, as a page of ours would make it. */
const socket = async (webui: WebuiConfig, { machine, config }: Given): Promise<Finding[]> => {
  if (machine === undefined) return []
  const origin = ourOrigin(config)
  const url = new URL('/ws/socket.io/?EIO=4&transport=websocket', webui.url)
  const status = await machine.upgrade(url, { origin }).catch((error: unknown) => codeOf(error))
  if (status === 101) return []
  return [finding('webui.websocket', 'webui', { origin, status: status || 'broken off' })]
}

/** Under the first name that browsers use; without one, what stands in the address bar of this machine. */
const ourOrigin = ({ allowedHosts: [name], listeners }: Config): string => {
  if (name !== undefined) return `https://${name}`
  const tcp = listeners.flatMap(({ bind }) => (bind.kind === 'tcp' ? [bind] : []))[0]
  return `http://127.0.0.1:${tcp?.port ?? 8787}`
}

const lookAround = async (
  webui: WebuiConfig,
  config: Config,
  machine: Machine | undefined,
): Promise<Finding[]> => {
  if (machine === undefined) return []
  const addresses = await reachedFromOutside(webui.url, machine)
  const port = originPort(webui.url)
  const exposed = finding('webui.exposed', 'webui', { addresses: addresses.join(', '), port })
  const severity = webui.sso === 'trusted-header' ? ('error' as const) : exposed.severity
  return [
    ...(addresses.length > 0 ? [{ ...exposed, severity }] : []),
    ...shutOut(webui, config, await machine.facts()),
  ]
}

/** Its port leads into a container, and no listener is where a container gets. */
const shutOut = (
  { url }: WebuiConfig,
  { listeners }: Config,
  { published, container }: MachineFacts,
): Finding[] => {
  const itsPort = originPort(url)
  if (container || !isLoopback(hostOf(url)) || !published.includes(itsPort)) return []
  const reachable = listeners.some(({ bind }) => bind.kind === 'tcp' && !isLoopback(bind.host))
  if (reachable) return []
  const own = listeners.flatMap(({ bind }) => (bind.kind === 'tcp' ? [bind.port] : []))[0]
  return [finding('webui.container_shut_out', 'webui', { port: own ?? 8787 })]
}
