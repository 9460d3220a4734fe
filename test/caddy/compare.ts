import { expect } from 'vitest'
import { spellings } from './spellings.ts'
import type { Stub } from './stub.ts'
import { type WireAnswer, wire } from './wire.ts'

/** What Caddy makes of a target: absolute form becomes origin form (RFC 9112 §3.2.2), raw bytes are encoded. */
const asPassed = (target: string) => {
  const [, host, path = target] = /^https?:\/\/(?:[^/]*@)?([^/]+)(.*)$/.exec(target) ?? []
  const raw = path.replace(/["#<>^{|}]/g, encodeURIComponent)
  return { host: host ?? '127.0.0.1', target: raw }
}

/** An error that Go's own parser answers before Caddy sees the request has no code. */
const alike = (alone: WireAnswer, behind: WireAnswer) =>
  behind.code === undefined ? { ...alone, code: undefined } : alone

/**
 * Holds Postern behind Caddy to what it answers alone, in more than 200 spellings of a target: the same status, the same
 * error, and the same request at Open WebUI, or none.
 * @param ports of the gateway and of Caddy, on loopback
 */
export const expectAlike = async (
  ports: { readonly gateway: number; readonly caddy: number },
  webui: Stub,
  headers: readonly string[],
): Promise<void> => {
  const observe = async (answer: Promise<WireAnswer>) => {
    const before = webui.passed.length
    const { status, code } = await answer
    return { status, code, reached: webui.passed.slice(before).map((it) => it.target) }
  }
  expect(spellings.length).toBeGreaterThan(200)
  for (const target of spellings) {
    const passed = asPassed(target)
    const alone = await observe(wire(ports.gateway, passed.target, passed.host, headers))
    const behind = await observe(wire(ports.caddy, target, '127.0.0.1', headers))
    expect({ target, ...behind }).toEqual({ target, ...alike(alone, behind) })
  }
}
