import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { loadConfig } from '../../adapter/node/config/config-file.ts'
import type { Place } from '../../adapter/node/tailscaled/expose/change.ts'
import { createLocalApi } from '../../adapter/node/tailscaled/localapi.ts'
import type { Config } from '../../config/config.ts'
import { formatProblem } from '../../config/problem.ts'

export interface PlaceFlags {
  readonly config: string
  readonly data: string
  readonly json?: boolean
}

/**
 * The configuration, and where it, its data and its tailscaled are.
 * @throws Error when the configuration cannot be used
 */
export const placeOf = async (flags: PlaceFlags): Promise<Place & { readonly config: Config }> => {
  if (!existsSync(flags.config)) {
    throw new Error(`${flags.config}: no such file; run \`postern init\``)
  }
  const { config, problems } = await loadConfig(flags.config)
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  const { socket } = config.tailscale
  return {
    config,
    configPath: flags.config,
    dataDir: resolve(flags.data),
    socket,
    localApi: createLocalApi({ socket: () => socket }),
  }
}
