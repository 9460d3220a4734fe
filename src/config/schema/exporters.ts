import { z } from 'zod'
import { exportEvery, exportPrefix } from '../values/fields/export-fields.ts'
import * as field from '../values/fields/fields.ts'

const s3 = z
  .strictObject({
    bucket_name: z
      .string()
      .nullable()
      .prefault(null)
      .describe('Bucket that objects are put into. Absent or empty: nothing is exported.'),
    endpoint: z
      .union([z.literal(''), field.baseUrl()])
      .prefault('')
      .describe('Address of a server that speaks S3. Empty: that of AWS for the region.'),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'is not a valid region')
      .prefault('us-east-1')
      .describe('Region; servers other than AWS want one too.'),
    prefix: exportPrefix().prefault('').describe('Before every name; must not end with a slash.'),
    access_key_id: z
      .string()
      .nullable()
      .prefault(null)
      .describe('Key that may write into the bucket. May be `"env:NAME"`.'),
    access_secret: z
      .string()
      .nullable()
      .prefault(null)
      .describe('Its secret, as `"env:NAME"` or `"file:/path"`.'),
    every: exportEvery()
      .prefault(3600)
      .describe('How long after an export the next one begins: seconds, or a duration.'),
    limit: z
      .int()
      .min(1)
      .prefault(1000)
      .describe(
        'Rows in one object, 10,000 at most. Full ones follow one another without a pause.',
      ),
  })
  .prefault({})
  .describe('A bucket for gzipped NDJSON, one line a request: docs/exports.md.')

export const exporters = z
  .strictObject({ s3 })
  .prefault({})
  .describe('Where the ledger is copied to.')
