/** What a summary of the ledger may be grouped by: a closed list, so that no caller's text becomes SQL. */
export const GROUPS = [
  'none',
  'user',
  'model',
  'provider',
  'door',
  'day',
  'outcome',
  'error_code',
  'status',
  'kind',
  'dialect',
  'label',
] as const

export type Group = (typeof GROUPS)[number]
