import type { HookConfig, RedactConfig, RedactKind } from '../../../config/config.ts'
import type { Clock, Log } from '../../../platform/platform.ts'
import { ClientLeft, HookError } from '../call.ts'
import type { Guarded, Verdict } from '../guard.ts'
import { type Automaton, compile, Search, type Span } from './automaton.ts'
import { kinds } from './kinds.ts'
import { changeTexts, mapAllTexts } from './texts.ts'

/** Something to look for, by the name in its placeholder. */
interface Rule {
  readonly name: string
  /** Finds in one text; gives way to others in between. */
  find(text: string, turn: Turn): Promise<readonly Span[]>
}

/** Characters of all texts of a request: a million tokens, and as much again in tools' results. */
const maxText = 8 * 1024 * 1024
/** ms of work before others get their turn. */
const slice = 8
/** Characters of a text between two looks at the clock. */
const step = 16 * 1024

export interface RedactorOptions {
  readonly clock: Clock
  readonly log: Log
}

/**
 * Our own guard: looks for secrets and personal data in the texts of a request and puts placeholders in their place, or
 * blocks it. Rejects with HookError when it cannot tell: for a form, for more text than it reads, and past the hook's
 * time, which is measured while it works.
 */
export const createRedactor = ({ clock, log }: RedactorOptions) => {
  const compiled = new WeakMap<HookConfig, readonly Rule[]>()
  const rulesOf = (hook: HookConfig, config: RedactConfig): readonly Rule[] => {
    const rules = compiled.get(hook) ?? compileRules(config)
    compiled.set(hook, rules)
    return rules
  }
  return async (hook: HookConfig, guarded: Guarded): Promise<Verdict> => {
    const { target, signal, requestId: rid } = guarded
    if (!hook.redact) return { action: 'allow' }
    if (!target.body) throw new HookError('form')
    const { bytes } = target.body.read
    const turn = new Turn(clock, signal, hook.timeout)
    const found = new Map<string, number>()
    const clean = await cleaned(
      (change) => changeTexts(bytes, change),
      rulesOf(hook, hook.redact),
      turn,
      found,
    )
    if (clean.size === 0) return { action: 'allow' }
    const what = [...found].map(([name, count]) => `${name}:${count}`).join(' ')
    log('info', 'hook.redacted', { rid, hook: hook.name, found: what })
    if (hook.redact.action === 'block') {
      const message = `request blocked by guardrail: it holds ${[...found.keys()].join(', ')}`
      return { action: 'block', status: 403, message }
    }
    return {
      action: 'modify',
      body: changeTexts(bytes, (text) => clean.get(text) ?? text),
    }
  }
}

/**
 * A body without any secret or personal datum that we know, for what is kept and not sent on.
 * Rejects with HookError when it has more text than we read.
 */
export const redactAll = (clock: Clock) => {
  const names = Object.keys(kinds) as RedactKind[]
  const rules = compileRules({ kinds: names, patterns: new Map(), action: 'replace' })
  return async (body: unknown): Promise<unknown> => {
    const turn = new Turn(clock, new AbortController().signal, 0)
    const clean = await cleaned((change) => mapAllTexts(body, change), rules, turn, new Map())
    return mapAllTexts(body, (text) => clean.get(text) ?? text)
  }
}

const compileRules = ({ kinds: names, patterns }: RedactConfig): readonly Rule[] => [
  ...names.map((name: RedactKind) => ({
    name,
    find: async (text: string) => kinds[name](text),
  })),
  ...[...patterns].map(([name, pattern]) => {
    const automaton = compile(pattern)
    return { name, find: (text: string, turn: Turn) => search(automaton, text, turn) }
  }),
]

async function search(automaton: Automaton, text: string, turn: Turn): Promise<readonly Span[]> {
  const run = new Search(automaton, text)
  while (run.advance(step)) await turn.check()
  return run.found
}

/** The texts that have to change, and what they become. */
async function cleaned(
  each: (change: (text: string) => string) => unknown,
  rules: readonly Rule[],
  turn: Turn,
  found: Map<string, number>,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Set<string>()
  let size = 0
  each((text) => {
    size += texts.has(text) ? 0 : text.length
    texts.add(text)
    return text
  })
  if (size > maxText) throw new HookError('too_much_text')
  const clean = new Map<string, string>()
  for (const text of texts) {
    const changed = await redactText(text, rules, turn, found)
    if (changed !== text) clean.set(text, changed)
  }
  return clean
}

const placeholder = /\[REDACTED:[a-z][a-z0-9_-]{0,31}\]/

/**
 * The text with placeholders. What stands around one may look different now that it is there, so it is looked at again
 * until nothing is found: whoever redacts the result finds nothing either. Each round leaves less to look at.
 */
export async function redactText(
  text: string,
  rules: readonly Rule[],
  turn: Turn,
  found = new Map<string, number>(),
): Promise<string> {
  let parts = splitAtPlaceholders(text)
  for (;;) {
    let changed = false
    const next: string[] = []
    for (const part of parts) {
      const clean = placeholder.test(part) ? part : await redactPart(part, rules, turn, found)
      changed ||= clean !== part
      next.push(clean)
    }
    const whole = next.join('')
    if (!changed) return whole
    parts = splitAtPlaceholders(whole)
  }
}

/** Placeholders are left alone, whoever put them there. */
const splitAtPlaceholders = (text: string): string[] =>
  text.includes('[REDACTED:') ? text.split(new RegExp(`(${placeholder.source})`)) : [text]

async function redactPart(
  text: string,
  rules: readonly Rule[],
  turn: Turn,
  found: Map<string, number>,
): Promise<string> {
  const spans: (Span & { readonly name: string })[] = []
  for (const { name, find } of rules) {
    await turn.check()
    for (const span of await find(text, turn)) spans.push({ ...span, name })
  }
  // Of two that overlap the one that begins first gives the name, and both are hidden.
  spans.sort((a, b) => a.start - b.start || b.end - a.end)
  let out = ''
  let at = 0
  for (const { start, end, name } of spans) {
    if (end <= at) continue
    if (start >= at) {
      out += `${text.slice(at, start)}[REDACTED:${name}]`
      found.set(name, (found.get(name) ?? 0) + 1)
    }
    at = end
  }
  return out + text.slice(at)
}

/** Our share of the one thread that everybody's answers pass through, and the time that the hook has. */
export class Turn {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #deadline: number
  #since: number

  /** @param ms 0: as long as it takes */
  constructor(clock: Clock, signal: AbortSignal, ms: number) {
    this.#clock = clock
    this.#signal = signal
    this.#since = clock.elapsed()
    this.#deadline = ms === 0 ? Number.POSITIVE_INFINITY : this.#since + ms
  }

  /** @throws HookError past the time, ClientLeft when nobody waits any longer */
  async check(): Promise<void> {
    const now = this.#clock.elapsed()
    if (now > this.#deadline) throw new HookError('timeout')
    if (now - this.#since < slice) return
    await new Promise((resolve) => setTimeout(resolve))
    if (this.#signal.aborted) throw new ClientLeft()
    this.#since = this.#clock.elapsed()
  }
}
