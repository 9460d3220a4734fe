import type { Context, MiddlewareHandler } from 'hono'
import type { Env } from './env.ts'

type Stage = MiddlewareHandler<Env>

/** Lets a request on, or throws what it is refused with. */
export type Look = (c: Context<Env>) => void | Promise<void>

const looks = new WeakMap<object, Look>()

/**
 * A stage that has nothing more to do once a request was let on. It must not ask for parameters of the path: they are those
 * of the stage it is joined to.
 */
export const check = (look: Look): Stage => {
  const stage: Stage = async (c, next) => {
    await look(c)
    await next()
  }
  looks.set(stage, look)
  return stage
}

/** Stands where the configuration asks for nothing. */
export const pass = check(() => {})

/** What a router finds: a handler and its route, and what the path says. */
export type Found<Route, Params> = readonly [handler: readonly [unknown, Route], params: Params]

/**
 * The same stages, each check as a part of the stage that follows. Hono makes two promises and two closures for each stage,
 * and three quarters of ours are checks; as a part of another one each is a call (docs/decisions/061).
 */
export const joinChecks = <Route, Params>(
  found: readonly Found<Route, Params>[],
): Found<Route, Params>[] => {
  const stages: Found<Route, Params>[] = []
  let checks: Look[] = []
  for (const [index, each] of found.entries()) {
    const [[handler, route], params] = each
    const look = looks.get(handler as Stage)
    if (look && index < found.length - 1) {
      checks.push(look)
      continue
    }
    stages.push(checks.length === 0 ? each : [[after(checks, handler as Stage), route], params])
    checks = []
  }
  return stages
}

const after =
  (checks: readonly Look[], stage: Stage): Stage =>
  (c, next) => {
    for (let at = 0; at < checks.length; at++) {
      const answered = checks[at]?.(c)
      if (answered) return afterRest(answered, checks.slice(at + 1), stage, c, next)
    }
    return stage(c, next)
  }

const afterRest = async (
  answered: Promise<void>,
  rest: readonly Look[],
  ...[stage, c, next]: readonly [Stage, ...Parameters<Stage>]
): Promise<Awaited<ReturnType<Stage>>> => {
  await answered
  for (const look of rest) {
    const waits = look(c)
    if (waits) await waits
  }
  return stage(c, next)
}
