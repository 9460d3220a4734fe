import { z } from 'zod'

/** What of the LocalAPI's answers is used here (tailscale 1.102, `apitype.WhoIsResponse` and `ipnstate.Status`). */

const nullable = <T extends z.ZodType>(type: T) =>
  type.nullish().transform((value) => value ?? undefined)

const whoisAnswer = z.object({
  Node: z.object({
    Name: z.string(),
    StableID: nullable(z.string()),
    ComputedName: nullable(z.string()),
    Tags: nullable(z.array(z.string())),
    /** Who shared this node into our tailnet. */
    Sharer: nullable(z.number()),
    Hostinfo: nullable(z.object({ ShareeNode: nullable(z.boolean()) })),
  }),
  UserProfile: z.object({
    ID: z.number(),
    LoginName: z.string(),
    DisplayName: nullable(z.string()),
  }),
  /** What the tailnet's policy grants this peer towards us. */
  CapMap: nullable(z.record(z.string(), nullable(z.array(z.unknown())))),
})

const statusAnswer = z.object({
  Version: z.string(),
  BackendState: z.string(),
  /** False: no network device; every port of loopback is open to the tailnet. */
  TUN: z.boolean(),
  TailscaleIPs: nullable(z.array(z.string())),
  CertDomains: nullable(z.array(z.string())),
  /** Absent until the node has joined one. */
  CurrentTailnet: nullable(z.object({ Name: nullable(z.string()), MagicDNSEnabled: z.boolean() })),
  Self: nullable(
    z.object({
      DNSName: z.string(),
      UserID: z.number(),
      Tags: nullable(z.array(z.string())),
      CapMap: nullable(z.record(z.string(), z.unknown())),
      /** When the node must prove itself anew; absent: never. */
      KeyExpiry: nullable(z.string()),
    }),
  ),
})

export type Whois = z.output<typeof whoisAnswer>
export type Status = z.output<typeof statusAnswer>

/** @throws when the text is not such an answer */
export const parseWhois = (text: string): Whois => whoisAnswer.parse(JSON.parse(text))

/** @throws when the text is not such an answer */
export const parseStatus = (text: string): Status => statusAnswer.parse(JSON.parse(text))
