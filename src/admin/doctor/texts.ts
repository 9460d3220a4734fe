import { abuse } from './texts/abuse.ts'
import { configuration } from './texts/configuration.ts'
import { doors } from './texts/doors.ts'
import { gateway } from './texts/gateway.ts'
import { ledger } from './texts/ledger.ts'
import { machine } from './texts/machine.ts'
import { models } from './texts/models.ts'
import { modelsUnreached } from './texts/models-unreached.ts'
import { webui } from './texts/webui.ts'

/** Everything the doctor may say, by id. docs/doctor.md is made of it. */
export const texts = {
  ...configuration,
  ...machine,
  ...gateway,
  ...doors,
  ...modelsUnreached,
  ...models,
  ...webui,
  ...ledger,
  ...abuse,
} as const

export type FindingId = keyof typeof texts
