import type { Context } from 'hono'
import type { Env } from '../../gateway/http/env.ts'
import { Failure } from '../../platform/failure.ts'

/** The files of `assets/`, by name, as the host brings them. */
export type Assets = Readonly<Record<string, string>>

/** Everything a page may load beside itself. */
export const assetNames = [
  'style.css',
  'icon.svg',
  'app.js',
  'act.js',
  'try.js',
  'edit.js',
  'live.js',
  'late.js',
] as const

const types: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

export interface AssetServer {
  /** `/ui/assets/…`: another path for other contents, so that browsers may keep what they have. */
  base(): Promise<string>
  serve(c: Context<Env>): Promise<Response>
}

export const createAssets = (assets: Assets): AssetServer => {
  // Once: the runtime has no synchronous digest.
  let digest: Promise<string> | undefined
  const version = () => {
    digest ??= digestOf(JSON.stringify(assets))
    return digest
  }
  return {
    base: async () => `/ui/assets/${await version()}`,
    serve: async (c) => {
      const name = c.req.param('name') ?? ''
      const file = Object.hasOwn(assets, name) ? assets[name] : undefined
      if (file === undefined) throw new Failure('not_found', 'There is no such file.')
      const kept = c.req.param('version') === (await version())
      return c.body(file, 200, {
        'content-type': types[name.split('.').at(-1) ?? ''] ?? 'text/plain; charset=utf-8',
        'cache-control': kept ? 'public, max-age=31536000, immutable' : 'no-store',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'",
      })
    },
  }
}

const digestOf = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)]
    .slice(0, 8)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
}
