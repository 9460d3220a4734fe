import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@libsql/client'
import { chatBody } from '../load/chat.ts'
import { allServed, type WrkResult, wrk } from '../load/wrk.ts'
import type { Running } from '../peers/running.ts'
import type { LockedResult } from '../result.ts'

const seconds = 10

/** Somebody else holds the lock of Postern's database: what callers feel of it, and whether a line is missing after it. */
export const measureLocked = async (running: Running): Promise<LockedResult> => {
  const load = async (): Promise<WrkResult> => {
    const { url, headers, peer } = running
    const options = { url, headers, body: chatBody, connections: 1, seconds }
    return allServed(await wrk(options), peer.name)
  }
  const client = createClient({ url: `file:${join(running.folder, 'data', 'postern.db')}` })
  const count = async (): Promise<number> => {
    const { rows } = await client.execute('select count(*) as n from usage')
    return Number(rows[0]?.n)
  }
  await load()
  await sleep(settle)
  const recordedBefore = await count()
  const before = await load()
  await sleep(settle)
  const lock = await client.transaction('write')
  const during = await load()
  await lock.rollback()
  await sleep(settle)
  const recorded = (await count()) - recordedBefore
  client.close()
  const answered = before.requests + during.requests
  if (recorded < answered) throw new Error(`${answered - recorded} lines of the ledger are missing`)
  const { p50, p99 } = during
  return {
    seconds,
    before: { p50: before.p50, p99: before.p99 },
    during: { p50, p99 },
    answered,
    recorded,
  }
}

/** ms for the ledger to have written what it was told. */
const settle = 4_000
