import type { KeyRow } from '../../ledger/store/keys/keys.ts'

/**
 * The keys that `id` or `login` mean: one by its id, by how that begins, or by how the key itself begins.
 * @throws Error for people when there is none, or when several begin like that
 */
export const chosen = (
  rows: readonly KeyRow[],
  id: string | undefined,
  login: string | undefined,
): readonly KeyRow[] => {
  if ((id === undefined) === (login === undefined)) {
    throw new Error('say which key: an id, or --login for all of a login')
  }
  const found = rows.filter((row) => (id === undefined ? row.login === login : isMeant(row, id)))
  if (found.length === 0)
    throw new Error(`there is no key ${id === undefined ? `of ${login}` : ''}`)
  if (id === undefined || found.length === 1) return found
  const exact = found.filter((row) => row.id === id)
  if (exact.length === 1) return exact
  throw new Error(`several keys begin like that: ${found.map((row) => row.id).join(', ')}`)
}

/** Of a key that somebody pastes whole, only what may be seen of it is looked at. */
const isMeant = ({ id, kid, hint }: KeyRow, text: string): boolean =>
  text.startsWith('pst_') ? kid === null && begins(text.slice(4), hint) : id.startsWith(text)

const begins = (text: string, hint: string): boolean =>
  text !== '' && (hint.startsWith(text) || text.startsWith(hint))
