import type { HookField } from '../../config/config.ts'
import { whole } from '../dialect/body/edit.ts'
import type { JsonBody } from '../dialect/body/json-body.ts'
import type { ToolCall } from './answer/tool-calls.ts'
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
  readonly body: Pick<JsonBody, 'bytes' | 'json'> | undefined
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

const encoder = new TextEncoder()

/**
 * The call's body as JSON: metadata, and the fields that the grant names. Before the answer, what is of the answer is
 * empty. The request's body stands in it as the bytes that go to the provider: parsed and printed again it would lose the
 * digits of large numbers.
 */
export function payloadOf(
  send: ReadonlySet<HookField>,
  facts: Facts,
  answer: AnswerFacts = nothing,
): Uint8Array {
  const metadata = {
    ...facts.metadata,
    ...(send.has('estimated_cost') && { estimated_cost: answer.cost }),
    ...(send.has('grants') && { grants: Object.fromEntries(facts.grants) }),
    ...(send.has('quotas') && { quotas: facts.quotas }),
  }
  const first = `{"metadata":${JSON.stringify(metadata)}`
  const rest = JSON.stringify({
    ...(send.has('response_body') && { response_body: answer.body }),
    ...(send.has('raw_responses') && { raw_responses: answer.raw }),
    ...(send.has('user_message') && { user_message: userMessage(facts.body?.json()) }),
    ...(send.has('tools') && { tool_calls: answer.toolCalls }),
  })
    .replace(/^\{(?!\})/, ',')
    .replace(/^\{/, '')
  if (!send.has('request_body')) return encoder.encode(first + rest)
  const body = facts.body?.bytes ?? encoder.encode('{}')
  const pieces = [encoder.encode(`${first},"request_body":`), body, encoder.encode(rest)]
  return whole(pieces)
}
