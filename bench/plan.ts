import { caddy, caddyWithPassword } from './peers/caddy.ts'
import { direct } from './peers/direct.ts'
import { gomodel, gomodelWithKey, llamaSwap, olla } from './peers/go-gateways.ts'
import { litellm } from './peers/litellm.ts'
import { nginx } from './peers/nginx.ts'
import type { Peer } from './peers/peer.ts'
import { portkey } from './peers/portkey.ts'
import { postern, posternOpen, posternWithBudget } from './peers/postern.ts'
import type { Result } from './result.ts'

/** How much is measured. Times in seconds. */
export interface Plan {
  readonly kind: Result['kind']
  readonly peers: readonly Peer[]
  readonly rounds: number
  readonly requests: { readonly warm: number; readonly many: number; readonly alone: number }
  readonly streams: number
  /** Starts beside the two that the measurements take. */
  readonly starts: number
  /** Open streams, floods, locks and the ledger as well. */
  readonly everything: boolean
}

const near = [direct, nginx, caddy, caddyWithPassword, postern, posternOpen]
const gateways = [portkey, litellm, gomodel, gomodelWithKey, olla, llamaSwap]

export const plans: Readonly<Record<Result['kind'], Plan>> = {
  full: {
    kind: 'full',
    peers: [...near, posternWithBudget, ...gateways],
    rounds: 5,
    requests: { warm: 25, many: 3, alone: 2 },
    streams: 3,
    starts: 3,
    everything: true,
  },
  quick: {
    kind: 'quick',
    peers: [direct, nginx, caddy, postern],
    rounds: 1,
    requests: { warm: 6, many: 4, alone: 2 },
    streams: 1,
    starts: 1,
    everything: false,
  },
  guard: {
    kind: 'guard',
    peers: [caddy, postern, posternOpen],
    rounds: 5,
    requests: { warm: 12, many: 3, alone: 1 },
    streams: 2,
    starts: 1,
    everything: false,
  },
}
