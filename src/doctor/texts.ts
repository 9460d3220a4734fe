import { abuse } from './texts/abuse.ts'
import { configuration } from './texts/configuration.ts'
import { doctor } from './texts/doctor.ts'
import { doors } from './texts/doors.ts'
import { gateway } from './texts/gateway.ts'
import { ledger } from './texts/ledger.ts'
import { machine } from './texts/machine.ts'
import { models } from './texts/models.ts'
import { modelsUnreached } from './texts/models-unreached.ts'
import { speed } from './texts/speed.ts'
import { webui } from './texts/webui.ts'

/** Everything the doctor may say, by id. docs/doctor.md is made of it. */
export const texts = {
  ...configuration,
  ...machine,
  ...gateway,
  ...doors,
  ...modelsUnreached,
  ...models,
  ...speed,
  ...webui,
  ...ledger,
  ...abuse,
  ...doctor,
} as const

export type FindingId = keyof typeof texts
