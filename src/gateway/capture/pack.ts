/** A part of a capture as people read it. */
export interface Part {
  /** JSON. */
  readonly body: unknown
  /** It is not all there: texts are cut, or what stood last is left out. */
  readonly truncated: boolean
}

/** Keeps at most about `max` bytes of a body; `whole`: is it all that there was? */
export const pack = async (body: unknown, max: number, whole: boolean): Promise<string> => {
  const room = { left: max, cut: false }
  const kept = shrunk(body, room)
  const part: Part = { body: kept, truncated: room.cut || !whole }
  return base64(await through(new CompressionStream('gzip'), encoder.encode(JSON.stringify(part))))
}

export const unpack = async (packed: string): Promise<Part> => {
  const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0))
  const text = await through(new DecompressionStream('gzip'), bytes)
  return JSON.parse(new TextDecoder().decode(text)) as Part
}

interface Room {
  left: number
  cut: boolean
}

const encoder = new TextEncoder()

/** What quotes, commas and a short number take. */
const each = 4

/** A copy of what fits, in the order in which it stands. */
const shrunk = (value: unknown, room: Room): unknown => {
  room.left -= each
  if (typeof value === 'string') return cut(value, room)
  if (Array.isArray(value)) return fitting(value, (item) => shrunk(item, room), room)
  if (typeof value !== 'object' || value === null) return value
  const keep = ([key, item]: [string, unknown]) => {
    room.left -= key.length
    return [key, shrunk(item, room)] as const
  }
  return Object.fromEntries(fitting(Object.entries(value), keep, room))
}

const fitting = <T, Kept>(items: readonly T[], keep: (item: T) => Kept, room: Room): Kept[] => {
  const kept: Kept[] = []
  for (const item of items) {
    if (room.left <= 0) {
      room.cut = true
      break
    }
    kept.push(keep(item))
  }
  return kept
}

const cut = (text: string, room: Room): string => {
  const bytes = encoder.encode(text.slice(0, Math.max(0, room.left)))
  const kept = new TextDecoder().decode(bytes.subarray(0, Math.max(0, room.left)))
  room.left -= bytes.length
  if (kept === text) return text
  room.cut = true
  // A character that was cut in two.
  return kept.replace(/\uFFFD+$/, '')
}

const through = async (
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array,
): Promise<Uint8Array> => {
  const piped = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(stream)
  return new Uint8Array(await new Response(piped).arrayBuffer())
}

/** Arguments of a call, which are on the stack. */
const slice = 8192

const base64 = (bytes: Uint8Array): string => {
  let binary = ''
  for (let at = 0; at < bytes.length; at += slice) {
    binary += String.fromCharCode(...bytes.subarray(at, at + slice))
  }
  return btoa(binary)
}
