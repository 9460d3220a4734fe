import { z } from 'zod'
import { csvLine } from '../../../platform/csv.ts'
import type { Platform } from '../../../platform/platform.ts'
import type {
  RequestSummary,
  RequestsAsked,
  RequestsPage,
} from '../../../platform/records/figures.ts'
import { type AdminRoute, route } from '../route.ts'
import { requestColumns, requestRecord } from './requests.ts'
import { moment, scopeOf, scopeQuery } from './usage-scope.ts'

export const FORMATS = ['csv', 'ndjson'] as const
export type Format = (typeof FORMATS)[number]

const media: Record<Format, string> = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson',
}

/** One page is in memory at a time, and no page keeps the database's log from being cut. */
const PAGE = 1000

const query = scopeQuery.extend({
  since: moment.optional().describe('Inclusive, ISO 8601. Default: from the beginning.'),
  session: z.string().max(128).optional(),
})

/** Every request as CSV or as one JSON text a line, however many there are. */
export const usageExportRoutes = ({
  store,
  clock,
}: Pick<Platform, 'store' | 'clock'>): AdminRoute[] =>
  FORMATS.map((format) =>
    route({
      method: 'get',
      path: `/postern/api/usage.${format}`,
      id: `exportUsageAs${format === 'csv' ? 'Csv' : 'Ndjson'}`,
      summary: `Every request as ${format === 'csv' ? 'CSV' : 'NDJSON'}, newest first: your own; everybody’s for admins.`,
      needs: 'role',
      query,
      answers: z.string(),
      handle: async (request) => {
        const { since, session } = request.query as z.output<typeof query>
        const asked = {
          ...scopeOf(request, clock.now()),
          ...(since === undefined && { since: 0 }),
          ...(session !== undefined && { session }),
        }
        const texts = textsOf(
          format,
          pagesOf((page) => store.ask('requests', page), asked),
        )
        // The first page comes before the head: what fails at once is answered as a failure.
        const first = await texts.next()
        return new Response(streamOf(first, texts), {
          headers: {
            'content-type': media[format],
            'content-disposition': `attachment; filename="usage.${format}"`,
          },
        })
      },
    }),
  )

/** The pages of a list, one after the other. */
export async function* pagesOf(
  read: (asked: RequestsAsked) => Promise<RequestsPage>,
  asked: Omit<RequestsAsked, 'limit'>,
): AsyncGenerator<readonly RequestSummary[]> {
  let before = asked.before
  do {
    const page = await read({ ...asked, limit: PAGE, ...(before && { before }) })
    yield page.rows
    before = page.next
  } while (before)
}

/** Pages as text; the first piece begins with the names of the columns where the format has them. */
export async function* textsOf(
  format: Format,
  pages: AsyncIterable<readonly RequestSummary[]>,
): AsyncGenerator<string> {
  let head = format === 'csv' ? csvLine(requestColumns) : ''
  for await (const page of pages) {
    yield head + page.map((row) => line[format](requestRecord(row))).join('')
    head = ''
  }
}

type RequestRecord = ReturnType<typeof requestRecord>

const line: Record<Format, (record: RequestRecord) => string> = {
  csv: (record) => csvLine(requestColumns.map((column) => record[column])),
  ndjson: (record) => `${JSON.stringify(record)}\n`,
}

/** At the pace of whoever reads; whoever leaves ends the reading. */
const streamOf = (
  first: IteratorResult<string, unknown>,
  texts: AsyncGenerator<string>,
): ReadableStream<Uint8Array> => {
  const encoder = new TextEncoder()
  let next: IteratorResult<string, unknown> | undefined = first
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = next ?? (await texts.next())
        next = undefined
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value as string))
      },
      cancel: async () => {
        await texts.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
