import type { Result, Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { SmartRouter } from 'hono/router/smart-router'
import { TrieRouter } from 'hono/router/trie-router'
import { LRUCache } from 'lru-cache'

/** Paths of the API are few, and short; anybody may ask for any others. */
const most = 256
const longest = 128

/**
 * Hono's own choice of routers, which remembers what it found: with some twenty stages before every route a search
 * costs as much as reading the request's body (docs/decisions/061).
 */
export const createRouter = <T>(): Router<T> => {
  const router = new SmartRouter<T>({ routers: [new RegExpRouter(), new TrieRouter()] })
  const found = new LRUCache<string, Result<T>>({ max: most })
  return {
    name: router.name,
    add: (method, path, handler) => router.add(method, path, handler),
    match: (method, path) => {
      const key = `${method} ${path}`
      const known = found.get(key)
      if (known) return known
      const result = router.match(method, path)
      if (path.length <= longest) found.set(key, result)
      return result
    },
  }
}
