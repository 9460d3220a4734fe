import { and, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import type { KeyLimits } from '../../../platform/caller.ts'
import type { ApiKey, KeyRing, KeyUse, SigningKey } from '../../../platform/records/api-key.ts'
import { type Database, keys, signingKeys } from '../schema.ts'

/** A row of the table. */
export type KeyRow = typeof keys.$inferSelect

/** More than a gateway keeps in memory: those in force come first, then the newest. */
const MOST = 100_000

/** Writes a new key; one with its id changes nothing. */
export const insertKey = (db: Database, row: KeyRow) =>
  db.insert(keys).values(row).onConflictDoNothing({ target: keys.id })

/** Every key, newest first. */
export const listKeys = (db: Database): Promise<KeyRow[]> =>
  db.select().from(keys).orderBy(desc(keys.createdAt), desc(keys.id))

/** Revokes these keys; those that are keep their time. Resolves to the rows that changed. */
export const revokeKeys = (db: Database, ids: readonly string[], at: number) =>
  db
    .update(keys)
    .set({ revokedAt: at })
    .where(and(inArray(keys.id, [...ids]), isNull(keys.revokedAt)))
    .returning()

/** Times only go forward, however late a note is written. */
export const touchKey = (db: Database, { id, at }: KeyUse) =>
  db
    .update(keys)
    .set({ lastUsedAt: at })
    .where(and(eq(keys.id, id), or(isNull(keys.lastUsedAt), lt(keys.lastUsedAt, at))))

/** What a gateway needs to know, in one round trip. */
export const selectKeyRing = async (db: Database): Promise<KeyRing> => {
  const [rows, signers] = await db.batch([
    db
      .select()
      .from(keys)
      .orderBy(sql`${keys.revokedAt} IS NOT NULL`, desc(keys.createdAt))
      .limit(MOST),
    db.select().from(signingKeys).where(isNull(signingKeys.retiredAt)),
  ])
  return { keys: rows.map(toApiKey), signers: signers.map(({ kid, jwk }) => ({ kid, jwk })) }
}

const toApiKey = (row: KeyRow): ApiKey => ({
  id: row.id,
  digest: row.digest,
  kid: row.kid,
  login: row.login,
  limits: limitsOf(row),
  expiresAt: row.expiresAt,
  revokedAt: row.revokedAt,
})

/** What the row says of limits. */
export const limitsOf = ({ models, via, role, quota }: KeyRow): KeyLimits => ({
  ...(models && { models }),
  ...(via && { via }),
  ...(role && { role }),
  ...(quota && { quota }),
})

/** Makes signatures of this key count; one that was retired stays so. */
export const insertSigner = (db: Database, { kid, jwk }: SigningKey, at: number) =>
  db
    .insert(signingKeys)
    .values({ kid, jwk, createdAt: at })
    .onConflictDoNothing({ target: signingKeys.kid })

/** Newest first, retired ones too. */
export const listSigners = (db: Database) =>
  db.select().from(signingKeys).orderBy(desc(signingKeys.createdAt))

/** From now on no signature of this key counts. Resolves to the rows that changed. */
export const retireSigner = (db: Database, kid: string, at: number) =>
  db
    .update(signingKeys)
    .set({ retiredAt: at })
    .where(and(eq(signingKeys.kid, kid), isNull(signingKeys.retiredAt)))
    .returning()
