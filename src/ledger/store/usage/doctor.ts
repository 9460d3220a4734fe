import { sql } from 'drizzle-orm'
import type { Guesses, Speed } from '../../../platform/records/questions.ts'
import type { Database } from '../schema.ts'

/** Answers that are looked at, all models together: the newest ones. */
const most = 5000
/** Too short an answer says nothing of speed; one that came in one piece has no time of writing. */
const shortest = { tokens: 16, ms: 250 }

interface SpeedRow {
  readonly provider: string
  readonly model: string
  readonly rate: number
}

/** How fast models wrote since then (ms since the epoch), where tokens were told by the provider. */
export const selectSpeeds = async (
  db: Database,
  { since }: { readonly since: number },
): Promise<Speed[]> => {
  const rows = await db.all<SpeedRow>(sql`SELECT provider, upstream_model AS model,
      output_tokens * 1000.0 / (duration_ms - first_byte_ms) AS rate
    FROM usage
    WHERE started_at >= ${since} AND outcome = 'ok' AND tokens_source = 'reported'
      AND provider IS NOT NULL AND upstream_model IS NOT NULL
      AND output_tokens >= ${shortest.tokens} AND duration_ms - first_byte_ms >= ${shortest.ms}
    ORDER BY started_at DESC LIMIT ${most}`)
  const groups = Map.groupBy(rows, ({ provider, model }) => JSON.stringify([provider, model]))
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const { provider, model } = first
    return [{ provider, model, rates: group.map(({ rate }) => rate) }]
  })
}

/** Who guessed wrong the most since then (ms since the epoch); see `isGuess` of identity/failure.ts. */
export const selectGuesses = (
  db: Database,
  { since }: { readonly since: number },
): Promise<Guesses[]> =>
  db.all<Guesses>(sql`SELECT client_ip AS clientIp, count(*) AS count FROM auth_failures
    WHERE at >= ${since} AND reason IN ('unknown_user', 'unknown_key', 'wrong_password', 'wrong_code')
    GROUP BY client_ip ORDER BY count DESC LIMIT 20`)
