import type { HookField } from '../config/config.ts'
import type { ToolCall } from './answer/tool-calls.ts'
import type { Json } from './json.ts'
import { userMessage } from './user-message.ts'

/** Always told. */
export interface Metadata {
  readonly login_name: string
  readonly user_agent: string
  /** Path of the request. */
  readonly url: string
  readonly model: string
  readonly provider: string
  readonly tailnet_name: string
  readonly stable_node_id: string
  readonly request_id: string
  readonly session_id: string
}

/** What is known of a request, for those who ask for it. */
export interface Facts {
  readonly metadata: Metadata
  /** Undefined for a form. */
  readonly body: Json | undefined
  readonly grants: ReadonlyMap<string, readonly unknown[]>
  readonly quotas: Readonly<Record<string, QuotaState>>
}

/** A bucket, in billionths of a dollar. */
export interface QuotaState {
  readonly current: number
  readonly capacity: number
  readonly rate: string
}

export interface EstimatedCost {
  /** Null where nobody knows the price. */
  readonly dollars: number | null
  /** Whose price it is; then empty. */
  readonly cost_basis: string
  readonly usage: Readonly<Record<string, number>>
}

/** What became of it. */
export interface AnswerFacts {
  readonly body: unknown
  readonly raw: readonly unknown[]
  readonly toolCalls: readonly ToolCall[]
  readonly cost: EstimatedCost
}

const nothing: AnswerFacts = {
  body: {},
  raw: [],
  toolCalls: [],
  cost: { dollars: 0, cost_basis: '', usage: {} },
}

/** The call's body: metadata, and what was asked for. Before the answer, what is of the answer is empty. */
export function payloadOf(
  send: ReadonlySet<HookField>,
  facts: Facts,
  answer: AnswerFacts = nothing,
): Json {
  const metadata = {
    ...facts.metadata,
    ...(send.has('estimated_cost') && { estimated_cost: answer.cost }),
    ...(send.has('grants') && { grants: Object.fromEntries(facts.grants) }),
    ...(send.has('quotas') && { quotas: facts.quotas }),
  }
  return {
    metadata,
    ...(send.has('request_body') && { request_body: facts.body ?? {} }),
    ...(send.has('response_body') && { response_body: answer.body }),
    ...(send.has('raw_responses') && { raw_responses: answer.raw }),
    ...(send.has('user_message') && { user_message: userMessage(facts.body) }),
    ...(send.has('tools') && { tool_calls: answer.toolCalls }),
  }
}
