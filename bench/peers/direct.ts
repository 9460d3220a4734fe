import { chatPath, json, type Peer } from './peer.ts'

/** Nothing in between: what all the others are held against. */
export const direct: Peer = {
  name: 'direct',
  title: 'no proxy',
  does: 'nothing',
  parts: [],
  version: async () => '',
  prepare: async ({ upstream }) => ({ url: `${upstream}${chatPath}`, headers: json }),
}
