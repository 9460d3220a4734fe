import { type Family, single } from '../../platform/metric.ts'
import type { Provider } from '../../platform/upstream.ts'

/** What is read at the moment somebody asks. */
export interface Gauged {
  /** Answers under way. */
  readonly activeExchanges: { readonly size: number }
  readonly bans: { counts(): BanCounts }
  readonly providers: readonly Pick<Provider, 'id' | 'models' | 'disabled'>[]
  readonly ledgerUp: boolean
}

export interface BanCounts {
  /** Addresses banned now for wrong guesses. */
  readonly automatic: number
  /** By a person. */
  readonly byHand: number
  /** Automatic ones since the start. */
  readonly imposed: number
}

export const gauges = ({ activeExchanges, bans, providers, ledgerUp }: Gauged): Family[] => {
  const { automatic, byHand, imposed } = bans.counts()
  return [
    single(
      'gauge',
      'postern_open_streams',
      'Answers of providers under way.',
      activeExchanges.size,
    ),
    single('counter', 'postern_bans_total', 'Times an address was banned by itself.', imposed),
    {
      name: 'postern_bans_active',
      help: 'Addresses banned now: after wrong guesses, or by an admin.',
      type: 'gauge',
      samples: [
        { labels: { cause: 'auth_failures' }, value: automatic },
        { labels: { cause: 'admin' }, value: byHand },
      ],
    },
    {
      name: 'postern_provider_models',
      help: 'Models that a provider in use lists; 0 when it never told.',
      type: 'gauge',
      samples: providers
        .filter(({ disabled }) => !disabled)
        .map(({ id, models }) => ({ labels: { provider: id }, value: models.length })),
    },
    single('gauge', 'postern_ledger_up', '1 when the database takes rows.', ledgerUp ? 1 : 0),
  ]
}
