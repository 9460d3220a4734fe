import { randomBytes } from 'node:crypto'

let pool = Buffer.alloc(0)
let used = 0

/** Random bytes by the kilobyte: asking for ten at a time costs more than everything else about an id. */
const take = (count: number): Buffer => {
  if (used + count > pool.length) {
    pool = randomBytes(4096)
    used = 0
  }
  used += count
  return pool.subarray(used - count, used)
}

/** UUIDv7 (RFC 9562 §5.7): milliseconds first, so that rows sort and index by time; 74 random bits. */
export const uuidv7 = (now = Date.now()): string => {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(now, 0, 6)
  take(10).copy(bytes, 6)
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
