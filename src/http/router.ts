import type { Result, Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { SmartRouter } from 'hono/router/smart-router'
import { TrieRouter } from 'hono/router/trie-router'
import type { H, RouterRoute } from 'hono/types'
import { LRUCache } from 'lru-cache'
import { joinChecks } from './check.ts'

type Handler = [H, RouterRoute]

/** Paths of the API are few, and short; anybody may ask for any others. */
const most = 256
const longest = 128

/**
 * Hono's own choice of routers, which remembers what it found: with some twenty stages before every route a search
 * costs as much as reading the request's body (docs/decisions/061).
 */
export const createRouter = (): Router<Handler> => {
  const router = new SmartRouter<Handler>({ routers: [new RegExpRouter(), new TrieRouter()] })
  const known = new LRUCache<string, Result<Handler>>({ max: most })
  const find = (method: string, path: string): Result<Handler> => {
    const [found, stash] = router.match(method, path)
    return [joinChecks(found as never), ...(stash ? [stash] : [])] as never
  }
  return {
    name: router.name,
    add: (method, path, handler) => router.add(method, path, handler),
    match: (method, path) => {
      const key = `${method} ${path}`
      const remembered = known.get(key)
      if (remembered) return remembered
      const result = find(method, path)
      if (path.length <= longest) known.set(key, result)
      return result
    },
  }
}
