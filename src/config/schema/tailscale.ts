import { z } from 'zod'
import * as field from '../values/fields/fields.ts'

export const tailscale = z
  .strictObject({
    socket: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Socket of tailscaled. Absent: where this system has it (Linux: `/var/run/tailscale/tailscaled.sock`).',
      ),
    capabilities: z
      .array(field.capability())
      .prefault(['tailscale.com/cap/aperture'])
      .describe(
        'Capabilities of the tailnet’s own policy that count as grants here, with the entries that `app` takes.',
      ),
  })
  .prefault({})
  .describe('The tailscaled of this machine.')
