import { z } from 'zod'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Ban } from '../../platform/records/ban.ts'
import type { Audit } from './audit.ts'
import { type AdminRequest, type AdminRoute, route } from './route.ts'

export interface BanRoutesOptions {
  readonly platform: Pick<Platform, 'store' | 'clock'>
  readonly audit: Audit
  /** The spelling that bans go by. Throws a RangeError for people. */
  readonly address: (text: string) => string
  /** The same for a new ban, which must not take in this machine. */
  readonly bannable: (text: string) => string
}

const ban = z.object({
  address: z.string(),
  cause: z.enum(['auth_failures', 'admin']),
  level: z.int(),
  started_at: z.string(),
  until: z.string().nullable().describe('Null: until it is lifted.'),
  note: z.string(),
})

const wanted = z.strictObject({
  address: z.string().max(64).describe('An address, an IPv6 /64 or a range.'),
  seconds: z.int().min(1).max(315_360_000).nullable().default(null).describe('Null: until lifted.'),
  note: z.string().max(256).default(''),
})
type Wanted = z.output<typeof wanted>

/** Who is banned. */
export const banRoutes = (options: BanRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/bans',
    id: 'listBans',
    summary: 'Banned addresses, and those banned lately.',
    needs: 'admin',
    answers: z.object({ data: z.array(ban) }),
    handle: async ({ c }) => {
      const { store, clock } = options.platform
      const rows = await store.ask('bans', { now: clock.now() })
      return c.json({ data: rows.map(toRow) })
    },
  }),
  route({
    method: 'post',
    path: '/postern/api/bans',
    id: 'setBan',
    summary: 'Shuts an address out.',
    needs: 'admin',
    body: wanted,
    answers: ban,
    action: 'ban.set',
    handle: (request: AdminRequest<Wanted>) => set(options, request),
  }),
  route({
    method: 'delete',
    path: '/postern/api/bans/{address}',
    id: 'liftBan',
    summary: 'Lets an address in again; a range with its slash as %2F or written out.',
    needs: 'admin',
    answers: z.object({ lifted: z.string() }),
    action: 'ban.lift',
    handle: (request) => lift(options, request),
  }),
]

const set = async (
  { platform, audit, bannable }: BanRoutesOptions,
  { c, body, caller }: AdminRequest<Wanted>,
): Promise<Response> => {
  const address = readAddress(bannable, body.address, 'body.address')
  // Aperture refuses what would ban the one who asks.
  if (address === c.get('client').key) {
    throw new Failure('invalid_content', 'This is your own address.', {
      details: [{ location: 'body.address', message: 'is where you come from' }],
    })
  }
  const startedAt = platform.clock.now()
  const made: Ban = {
    address,
    cause: 'admin',
    level: 1,
    startedAt,
    until: body.seconds === null ? null : startedAt + body.seconds * 1000,
    note: [body.note, `by ${caller.login}`].filter(Boolean).join(', '),
  }
  const change = { kind: 'ban.set', ban: made } as const
  await audit(c, 'ban.set', 'done', { target: address, detail: body.note, change })
  return c.json(toRow(made), 201)
}

const lift = async (
  { audit, address: spelling }: BanRoutesOptions,
  { c }: AdminRequest<unknown>,
): Promise<Response> => {
  const address = readAddress(spelling, c.req.param('address') ?? '', 'path.address')
  await audit(c, 'ban.lift', 'done', { target: address, change: { kind: 'ban.lift', address } })
  return c.json({ lifted: address })
}

const readAddress = (read: (text: string) => string, text: string, location: string): string => {
  try {
    return read(text)
  } catch (error) {
    const message = error instanceof RangeError ? error.message : 'is not a valid address'
    throw new Failure('invalid_content', message, { details: [{ location, message }] })
  }
}

const toRow = ({ startedAt, until, ...row }: Ban): z.output<typeof ban> => ({
  ...row,
  started_at: new Date(startedAt).toISOString(),
  until: until === null ? null : new Date(until).toISOString(),
})
