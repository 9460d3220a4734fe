import { error, type Finding } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'

export function checkExporters({ exporters: { s3 } }: ConfigFile): Finding[] {
  if (!s3.bucket_name) return []
  const path = ['exporters', 's3']
  const missing = (['access_key_id', 'access_secret'] as const).filter((key) => !s3[key])
  return [
    ...missing.map((key) => error([...path, key], 'is missing', 'Add it, best as "env:NAME"')),
    ...(/^[A-Za-z0-9][\w.-]{0,62}$/.test(s3.bucket_name)
      ? []
      : [
          error(
            [...path, 'bucket_name'],
            'is not a valid bucket name',
            'Write letters, digits, dots and dashes, 63 at most',
          ),
        ]),
  ]
}
