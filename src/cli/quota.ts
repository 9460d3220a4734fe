import { existsSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../adapter/node/config/config-file.ts'
import { uuidv7 } from '../adapter/node/uuid.ts'
import type { QuotaConfig } from '../config/config.ts'
import { type Amount, formatAmount, parseAmount } from '../config/values/quota-text.ts'
import { Buckets } from '../gateway/quota/buckets.ts'
import { type BucketRef, unusedRef } from '../gateway/quota/names.ts'
import { type BucketState, stateOf } from '../gateway/quota/show.ts'
import type { KeptQuotas } from '../platform/records/balance.ts'
import { act } from './act.ts'
import { type LedgerFlags, ledgerOptions, withLedger } from './ledger.ts'
import { print, table } from './table.ts'

interface Flags extends LedgerFlags {
  readonly json?: boolean
}

/** `postern quota`: what is left of budgets. A running gateway follows within a second. */
export const quotaCommand = (): Command =>
  new Command('quota')
    .description('budgets: what is left; a running gateway follows a refill within a second')
    .addCommand(listCommand())
    .addCommand(refillCommand())

const listCommand = (): Command =>
  ledgerOptions(new Command('list').description('what each bucket holds, as of the last request'))
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => {
      const states = await read(flags)
      await print(flags.json ? json(states.map(asJson)) : asTable(states))
    })

const refillCommand = (): Command =>
  ledgerOptions(new Command('refill').description('put something back into a bucket'))
    .argument('<bucket>', 'as `postern quota list` shows it')
    .argument('<amount>', 'such as "$5.00" or "100k tokens"; what does not fit is lost', amountOf)
    .option('--json', 'print JSON')
    .action(async (name: string, given: Amount, flags: Flags) => {
      const state = (await read(flags, name)).find(({ bucket }) => bucket === name)
      if (!state) throw new Error(`no quota is called ${name}: see \`postern quota list\``)
      if (state.unit !== given.unit || state.unit === 'concurrent') {
        throw new Error(`${name} holds ${state.unit}: ${formatAmount(given)} cannot be put in`)
      }
      const { quota, holder } = state
      const refill = { id: uuidv7(), quota, holder, amount: given.amount, at: Date.now() }
      const change = { kind: 'quota.refill', refill } as const
      const detail = formatAmount(given)
      await act(flags, [{ action: 'quota.refill', target: name, detail, change }])
      const balance = Math.min(state.capacity, state.balance + given.amount)
      const after = { ...state, balance }
      await print(flags.json ? json(asJson(after)) : `${name} has ${left(after)} left\n`)
    })

/**
 * As a gateway would see them that starts now: filled since, and with what waits to be put back.
 * @param wanted also this one, when it was never used
 */
const read = async (flags: LedgerFlags, wanted = ''): Promise<readonly BucketState[]> => {
  const quotas = await definitions(flags)
  const kept = await withLedger(flags, (db, { selectQuotas }) => selectQuotas(db, 0))
  return statesOf(kept, quotas, unusedRef(wanted, quotas))
}

const statesOf = (
  { balances, refills }: KeptQuotas,
  quotas: ReadonlyMap<string, QuotaConfig>,
  more: readonly BucketRef[],
): readonly BucketState[] => {
  const buckets = new Buckets({ now: () => Date.now(), elapsed: () => performance.now() })
  buckets.use(quotas)
  buckets.join(balances, new Map())
  for (const refill of refills) buckets.refill(refill)
  return [...buckets.refs(), ...more].flatMap((ref) => {
    const bucket = buckets.look(ref)
    return bucket ? [stateOf(ref, bucket)] : []
  })
}

const definitions = async ({
  config: file,
}: LedgerFlags): Promise<ReadonlyMap<string, QuotaConfig>> =>
  existsSync(file) ? ((await loadConfig(file)).config?.quotas ?? new Map()) : new Map()

function amountOf(text: string): Amount {
  const amount = parseAmount(text)
  if (amount) return amount
  throw new InvalidArgumentError('Give an amount such as "$5.00", "100k tokens" or "500 requests".')
}

/** What flows in drop by drop has nine digits after the dot; a hundredth of a cent is enough for people. */
const inSight = (unit: BucketState['unit'], amount: number): number =>
  unit === 'dollars' ? Math.floor(amount / 1e5) * 1e5 : amount

const left = ({ unit, balance, capacity }: BucketState): string =>
  `${formatAmount({ unit, amount: inSight(unit, balance) })} of ${formatAmount({ unit, amount: capacity })}`

const asTable = (states: readonly BucketState[]): string =>
  states.length === 0
    ? 'there are no budgets\n'
    : table(
        [
          { name: 'bucket' },
          { name: 'left', numeric: true },
          { name: 'of', numeric: true },
          { name: 'fills by' },
          { name: 'spent', numeric: true },
        ],
        states.map(({ bucket, unit, balance, capacity, rate, spent }) => [
          bucket,
          formatAmount({ unit, amount: inSight(unit, balance) }),
          formatAmount({ unit, amount: capacity }),
          rate || '-',
          formatAmount({ unit, amount: spent }),
        ]),
      )

const asJson = ({ bucket, unit, balance, capacity, rate, spent }: BucketState) => ({
  bucket,
  unit,
  balance,
  capacity,
  rate,
  spent,
})

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
