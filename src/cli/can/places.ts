import { findNodeAtLocation } from 'jsonc-parser'
import { position, readSource } from '../../config/read/source.ts'

/** Where a grant stands in the file. */
export interface GrantPlace {
  /** `grants[1]`; `default` where the file has none. */
  readonly name: string
  /** 1-based. */
  readonly line?: number
}

/** From the index of a grant to its place: those of `temp_grants` come after those of `grants`. */
export function grantPlaces(text: string): (index: number) => GrantPlace {
  const { root } = readSource(text)
  const places = ['grants', 'temp_grants'].flatMap((list) => {
    const node = root && findNodeAtLocation(root, [list])
    return (node?.children ?? []).map(({ offset }, index) => ({
      name: `${list}[${index}]`,
      line: position(text, offset).line,
    }))
  })
  return (index) => places[index] ?? { name: 'default' }
}
