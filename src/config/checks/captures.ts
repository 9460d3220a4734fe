import { type Finding, warning } from '../problem.ts'
import { CAPABILITY } from '../schema/grants.ts'
import type { ConfigFile } from '../schema.ts'

/** Captures that nothing keeps, and captures that nothing removes. */
export const checkCaptures = (file: ConfigFile): Finding[] => {
  const { duration, captures, require_export } = file.database.retention
  const path = ['database', 'retention']
  const stores = duration > 0 && captures !== '0'
  const never = 'stores nothing: "database.retention.duration" says how long'
  const gate = 'holds back every purge: there is no exporter that it could wait for'
  return [
    ...(stores ? [] : placesOf(file).map((place) => warning(place, never, 'Set it to "30d", say'))),
    ...(require_export && !file.exporters.s3.bucket_name
      ? [warning([...path, 'require_export'], gate, 'Configure "exporters.s3", or remove it')]
      : []),
  ]
}

const placesOf = (file: ConfigFile) =>
  (['grants', 'temp_grants'] as const).flatMap((list) =>
    (file[list] ?? []).flatMap((grant, at) =>
      grant.app[CAPABILITY].flatMap((entry, index) =>
        entry.capture ? [[list, at, 'app', CAPABILITY, index, 'capture']] : [],
      ),
    ),
  )
