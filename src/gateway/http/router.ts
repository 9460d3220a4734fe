import type { Result, Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { SmartRouter } from 'hono/router/smart-router'
import { TrieRouter } from 'hono/router/trie-router'
import { LRUCache } from 'lru-cache'

/** Paths of the API are few, and short; anybody may ask for any others. */
const MAX_PATHS = 256
const MAX_LENGTH = 128

/** Hono's own choice of routers, which remembers what it found (docs/decisions/061). */
export const createRouter = <Handler>(): Router<Handler> => {
  const router = new SmartRouter<Handler>({ routers: [new RegExpRouter(), new TrieRouter()] })
  const known = new LRUCache<string, Result<Handler>>({ max: MAX_PATHS })
  return {
    name: router.name,
    add: (method, path, handler) => router.add(method, path, handler),
    match: (method, path) => {
      const key = `${method} ${path}`
      const remembered = known.get(key)
      if (remembered) return remembered
      const result = router.match(method, path)
      if (path.length <= MAX_LENGTH) known.set(key, result)
      return result
    },
  }
}
