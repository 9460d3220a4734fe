import { z } from 'zod'

const quota = z.strictObject({
  capacity: z
    .string()
    .optional()
    .describe(
      'What it holds at most, and at first: `"$10.00"`, `"2M tokens"`, `"500 requests"`, `"2h compute"` (time that ' +
        'providers spend) or `"4 concurrent"` (requests at once). Of nothing, such as `"$0.00"`: no request passes.',
    ),
  rate: z
    .string()
    .optional()
    .describe(
      'How fast it fills again, drop by drop: an amount of the same kind by `min`, `hour`, `day`, `week` or `month` (30 ' +
        'days), such as `"$5.00/day"`. Absent: only when an admin refills it.',
    ),
  on_exceed: z
    .string()
    .optional()
    .describe('`"reject"`, and nothing else: an empty bucket is answered 429.'),
  unknown_price: z
    .string()
    .optional()
    .describe(
      'Of dollars: what becomes of requests whose price nobody knows. `"reject"` answers 429, `"allow"` lets them pass ' +
        'and charges nothing. Absent: refused where the provider has a price list, and let pass where nobody bills.',
    ),
  webui_tasks: z
    .string()
    .optional()
    .describe(
      'Of requests: `"free"` leaves out what Open WebUI asks by itself beside each message (title, tags, follow-up ' +
        'questions, completions while somebody types), so that a message is one request. Only its own credential is ' +
        'believed (`webui.speaks_for`), and it passes on what people write: a limit for good faith, not a wall.',
    ),
})

export const quotas = z
  .record(z.string(), quota)
  .prefault({})
  .describe(
    'Budgets, by name: buckets that requests are charged to where an entry of a grant names them. `"day:<user>"` is a ' +
      'bucket for each login, `"dev:<node>"` for each node of the tailnet, any other name without a colon one for all. ' +
      'What cannot be read refuses the requests that it is about.',
  )

export const quotaRefs = z
  .array(
    z.strictObject({
      bucket: z.string().min(1).describe('A name out of `quotas`, its template included.'),
      overdraft: z
        .array(z.string().min(1))
        .default([])
        .describe(
          'Names out of `quotas` that count the same: while the bucket is empty requests are charged to the first of ' +
            'these that is not. Only the last goes below zero.',
        ),
    }),
  )
  .describe(
    'Buckets that requests for these models are charged to, all at once; without `models`, every request. Buckets of ' +
      'all entries that match add up.',
  )
