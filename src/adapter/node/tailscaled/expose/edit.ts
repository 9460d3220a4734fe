import { removeAt, setAt } from '../../../../config/edit.ts'
import type { Json } from '../../../../config/problem.ts'
import { valueAt } from '../../../../config/read/remainder.ts'
import { readSource } from '../../../../config/read/source.ts'
import type { Exposure, Wanted } from './record.ts'

type Edits = Exposure['edits']
interface Entry {
  readonly [key: string]: Json
}

/**
 * The configuration's text with a door open, and what was changed in it beside `mode`. Where listeners are named and
 * none is for tailscaled, one is added. Comments stay.
 * @throws Error when the text is not HuJSON, or Caddy stands in front
 */
export const openIn = (text: string, mode: Wanted['mode'], before?: Edits) => {
  const root = rootOf(text)
  const front = valueAt(root, ['front'])
  if (front === 'caddy') throw new Error(caddyInFront)
  const listeners = entriesOf(root)
  const missing = listeners !== undefined && !listeners.some(({ identity }) => identity === 'serve')
  const listener = missing ? listenerBeside(listeners) : undefined
  const withMode = setAt(text, ['mode'], mode)
  const withFront = front === 'tailscale' ? withMode : setAt(withMode, ['front'], 'tailscale')
  const edits: Edits = {
    mode: before?.mode ?? valueAt(root, ['mode']) !== undefined,
    ...frontOf(front, before),
    ...nameOf(listener?.name ?? before?.listener),
  }
  if (listener === undefined) return { text: withFront, edits }
  return { text: setAt(withFront, ['listeners', listeners?.length ?? 0], listener), edits }
}

const caddyInFront =
  '"front" is "caddy", and tailscaled would lead past it. Lead it to Caddy instead ' +
  '(docs/caddy.md), or set "front": "tailscale"'

/** What stood there before us; for a second change, before the first one. */
const frontOf = (front: Json | undefined, before: Edits | undefined): Pick<Edits, 'front'> => {
  if (before !== undefined) return before.front === undefined ? {} : { front: before.front }
  return typeof front === 'string' ? { front } : {}
}

const nameOf = (listener: string | undefined): Pick<Edits, 'listener'> =>
  listener === undefined ? {} : { listener }

/** The text with the door closed, and what was added for it taken out again. */
export const closeIn = (text: string, edits: Edits | undefined): string => {
  const root = rootOf(text)
  const named = valueAt(root, ['mode']) !== undefined
  const keep = edits === undefined || edits.mode
  const shut = !named ? text : keep ? setAt(text, ['mode'], 'local') : removeAt(text, ['mode'])
  return edits === undefined ? shut : withoutListener(withoutFront(shut, edits), edits)
}

const withoutFront = (text: string, { front }: Edits): string => {
  if (valueAt(rootOf(text), ['front']) !== 'tailscale') return text
  return front === undefined ? removeAt(text, ['front']) : setAt(text, ['front'], front)
}

const withoutListener = (text: string, { listener }: Edits): string => {
  const listeners = entriesOf(rootOf(text)) ?? []
  const at = listeners.findIndex(({ name }) => listener !== undefined && name === listener)
  // The only one left may have become somebody's own.
  return at < 0 || listeners.length === 1 ? text : removeAt(text, ['listeners', at])
}

const rootOf = (text: string): Json => {
  const { value, findings } = readSource(text)
  if (value === undefined) throw new Error(findings[0]?.message ?? 'not HuJSON')
  return value
}

const entriesOf = (root: Json): readonly Entry[] | undefined => {
  const value = valueAt(root, ['listeners'])
  return Array.isArray(value) ? (value as readonly Entry[]) : undefined
}

/** A socket that no listener has yet. */
const listenerBeside = (listeners: readonly Entry[]) => {
  const names = ['tailnet', ...listeners.map((_, index) => `tailnet-${index + 2}`)]
  const isFree = (name: string) =>
    !listeners.some((other) => other.name === name || other.bind === `unix:${name}.sock`)
  const name = names.find(isFree) ?? 'tailnet'
  return { name, bind: `unix:${name}.sock`, identity: 'serve' }
}
