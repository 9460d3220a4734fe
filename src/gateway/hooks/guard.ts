import type { HookConfig } from '../../config/config.ts'
import { Failure } from '../../platform/failure.ts'
import type { Log } from '../../platform/platform.ts'
import { nameGivenTwice, treeOf } from '../dialect/body/tree.ts'
import type { Target } from '../http/env.ts'
import { type CallHook, ClientLeft, HookError } from './call.ts'
import { object, parse, text } from './json.ts'
import { type Facts, payloadOf } from './payload.ts'
import type { HookUse } from './uses.ts'

/** What a guard says of a request. */
export type Verdict =
  | { readonly action: 'allow' }
  | { readonly action: 'block'; readonly status: number; readonly message: string }
  /** `body` as JSON. */
  | { readonly action: 'modify'; readonly body: Uint8Array }

export interface Guarded {
  readonly target: Target
  readonly facts: Facts
  readonly requestId: string
  readonly signal: AbortSignal
}

export interface GuardOptions {
  readonly call: CallHook
  /** Bytes of a guard's answer: it may be a whole request body. */
  readonly maxAnswer: number
  readonly newId: () => string
  readonly log: Log
  /** Our own guard. Rejects with HookError when it cannot judge a request. */
  readonly redact: (hook: HookConfig, guarded: Guarded) => Promise<Verdict>
}

/**
 * Asks the guards in their order; each sees what those before it made of the body. Resolves with what may go out: the
 * very bytes that the last of them saw.
 * @throws Failure `invalid_request` for a body that a guard's parser and the server's could read differently,
 *   `guardrail_blocked`, or `guardrail_failed` where a guard that fails closed failed
 */
export async function guard(
  guarded: Guarded,
  uses: readonly HookUse[],
  options: GuardOptions,
): Promise<Target> {
  let { target } = guarded
  const twice = target.body && nameGivenTwice(treeOf(target.body.read.bytes))
  if (twice !== undefined) {
    const message = `The name ${JSON.stringify(twice)} is given twice in one object of the body.`
    throw new Failure('invalid_request', message)
  }
  for (const use of uses) {
    try {
      const verdict = await ask({ ...guarded, target }, use, options)
      if (verdict.action === 'block') throw blocked(guarded, use, verdict, options.log)
      if (verdict.action === 'modify') target = replaced(target, verdict.body)
    } catch (error) {
      failed(guarded, use, error, options.log)
    }
  }
  return target
}

const replaced = (target: Target, body: Uint8Array): Target => {
  try {
    return target.body?.replace(body) ?? target
  } catch {
    throw new HookError('bad_request_body')
  }
}

function blocked(
  { requestId: rid }: Guarded,
  { hook }: HookUse,
  { status, message }: Verdict & { action: 'block' },
  log: Log,
): Failure {
  log('info', 'hook.block', { rid, hook: hook.name, status })
  return new Failure('guardrail_blocked', message, { status, reason: hook.name })
}

/** Lets the request go on, or not, as the hook's policy is. @throws what is not a failure of the hook's */
function failed({ requestId: rid }: Guarded, { hook }: HookUse, error: unknown, log: Log): void {
  if (error instanceof Failure || error instanceof ClientLeft) throw error
  const reason = error instanceof HookError ? error.message : String(error)
  log('warn', 'hook.failed', { rid, hook: hook.name, reason, policy: hook.failPolicy })
  if (hook.failPolicy === 'fail_open') return
  throw new Failure('guardrail_failed', 'A guardrail could not check the request.', {
    reason: `${hook.name}: ${reason}`,
  })
}

async function ask(guarded: Guarded, use: HookUse, options: GuardOptions): Promise<Verdict> {
  const { target, facts, signal } = guarded
  if (use.hook.redact) return options.redact(use.hook, guarded)
  const answer = await options.call({
    hook: use.hook,
    events: 'pre_request',
    delivery: options.newId(),
    body: payloadOf(use.send, { ...facts, body: target.body?.read }),
    signal,
    maxAnswer: options.maxAnswer,
  })
  if (answer.status < 200 || answer.status > 299) throw new HookError(`status_${answer.status}`)
  return verdictOf(answer.body)
}

const longestMessage = 2000

/** @throws HookError when it says nothing that could be done */
export function verdictOf(answer: string): Verdict {
  const said = object(parse(answer))
  if (!said) throw new HookError('bad_json')
  switch (said.action) {
    case 'allow':
      return { action: 'allow' }
    case 'block':
      return {
        action: 'block',
        status: isRefusal(said.status_code) ? said.status_code : 403,
        message: text(said.message).slice(0, longestMessage) || 'request blocked by guardrail',
      }
    case 'modify': {
      const body = object(said.request_body) && textOf(answer, 'request_body')
      return body ? { action: 'modify', body } : { action: 'allow' }
    }
    default:
      throw new HookError('unknown_action')
  }
}

/** A member as the guard wrote it, so that its numbers stay what they were. Of two the last counts, as in `JSON.parse`. */
const textOf = (answer: string, name: string): Uint8Array | undefined => {
  const bytes = new TextEncoder().encode(answer)
  const member = treeOf(bytes).members.findLast((each) => each.name === name)
  return member && bytes.subarray(member.value.start, member.value.end)
}

/** A client must not take a blocked request for an answered one. */
const isRefusal = (status: unknown): status is number =>
  Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599
