import { close } from '../../adapter/node/tailscaled/expose/change.ts'
import { readExposure } from '../../adapter/node/tailscaled/expose/record.ts'
import { changeFile } from '../act.ts'
import { print } from '../table.ts'
import { type PlaceFlags, placeOf } from './place.ts'
import { programWithSudo } from './program.ts'

export interface CloseFlags extends PlaceFlags {
  readonly yes?: boolean
}

/** @throws Error, with what was done and what was not in its message */
export const closeDoor = async (flags: CloseFlags): Promise<void> => {
  const { config, ...place } = await placeOf(flags)
  const wasOpen = (await readExposure(place.dataDir)) !== undefined || config.mode !== 'local'
  try {
    await changeFile(flags, { action: 'expose.off', target: config.mode }, () =>
      close(place, programWithSudo(place, flags)),
    )
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const { config: now } = await placeOf(flags)
    const shut =
      now.mode === 'local'
        ? '"mode" is "local" now, so the gateway refuses whoever comes'
        : `"mode" is still "${now.mode}"`
    throw new Error(
      `${reason}\n${shut}; tailscaled may still lead there: \`postern expose status\``,
    )
  }
  const said = wasOpen
    ? `closed: "mode" is "local" in ${place.configPath}, and tailscaled leads nobody to us`
    : 'nothing was open'
  await print(flags.json ? `${JSON.stringify({ closed: wasOpen }, null, 2)}\n` : `${said}\n`)
}
