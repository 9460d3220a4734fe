import type { Finding, Json } from './problem.ts'
import type { ConfigFile } from './schema.ts'

/** What no single value can tell: how the parts of a configuration fit together. */
export function check(_file: ConfigFile, _root: Json): Finding[] {
  return []
}
