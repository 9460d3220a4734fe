import type { LocalApi } from '../platform/platform.ts'
import { parseServeConfig, type ServeConfig } from './serve-config.ts'
import { parseStatus, type Status } from './shapes.ts'

/** tailscaled does not let this user write; the message is its own. */
export class ServeConfigDenied extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'ServeConfigDenied'
  }
}

export interface Served {
  readonly config: ServeConfig
  readonly etag: string | null
}

/** How often somebody else may come in between. */
const attempts = 5
const path = '/localapi/v0/serve-config'

/** @throws what the LocalAPI rejects with, and when it answers anything else. */
export const readServeConfig = async (localApi: LocalApi, signal: AbortSignal): Promise<Served> => {
  const { status, body, etag } = await localApi({ path, signal })
  if (status !== 200) throw new Error(`tailscaled: ${said(body)}`)
  return { config: parseServeConfig(body), etag }
}

/** @throws what the LocalAPI rejects with, and when it answers anything else. */
export const readStatus = async (localApi: LocalApi, signal: AbortSignal): Promise<Status> => {
  const { status, body } = await localApi({ path: '/localapi/v0/status?peers=false', signal })
  if (status !== 200) throw new Error(`tailscaled: ${said(body)}`)
  return parseStatus(body)
}

/**
 * Replaces what is served by what `change` makes of it, and reads back what is in force. When somebody else changes it
 * meanwhile, it is read and changed anew; nothing is written when `change` changes nothing.
 * @throws ServeConfigDenied, what `change` throws, and Error when tailscaled refuses or is not there
 */
export const changeServeConfig = async (
  localApi: LocalApi,
  change: (config: ServeConfig) => ServeConfig,
  signal: AbortSignal,
): Promise<ServeConfig> => {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { config, etag } = await readServeConfig(localApi, signal)
    const wanted = change(config)
    if (JSON.stringify(wanted) === JSON.stringify(config)) return config
    if (await write(localApi, wanted, etag, signal)) {
      return (await readServeConfig(localApi, signal)).config
    }
  }
  throw new Error('somebody else keeps changing what tailscaled serves; try again')
}

/** False: it is no longer what was read. */
const write = async (
  localApi: LocalApi,
  config: ServeConfig,
  ifMatch: string | null,
  signal: AbortSignal,
): Promise<boolean> => {
  const asked = { path, method: 'POST' as const, body: JSON.stringify(config), signal }
  const { status, body } = await localApi({ ...asked, ...(ifMatch !== null && { ifMatch }) })
  if (status === 412) return false
  if (status === 401 || status === 403) throw new ServeConfigDenied(said(body))
  if (status !== 200) throw new Error(`tailscaled refuses: ${said(body)}`)
  return true
}

/** Its own words, without the JSON around some of them. */
const said = (body: string): string => {
  try {
    const { error } = JSON.parse(body) as { error?: unknown }
    if (typeof error === 'string') return error
  } catch {}
  return body.trim().slice(0, 300)
}
