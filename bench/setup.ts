/** Brings the programs that `npm run bench` measures beside Postern, those that are not there yet. */
import { caddy } from '../test/support/parts/caddy.ts'
import type { Part } from '../test/support/parts/part.ts'
import { wrkPart } from './parts/wrk.ts'
import { plans } from './plan.ts'
import { say } from './say.ts'

/** Tells what cannot be had, and why, and goes on. */
export const bring = async (parts: readonly Part[]): Promise<void> => {
  for (const part of new Set(parts)) {
    if ('path' in part.find()) continue
    say(`${part.name}: bringing ${part.version}`)
    await part.install(say).catch((error: unknown) => say(`${part.name}: ${String(error)}`))
  }
}

if (import.meta.main) {
  await bring([wrkPart, caddy, ...plans.full.peers.flatMap(({ parts }) => parts)])
}
