import type { Context, Handler, MiddlewareHandler } from 'hono'
import type { Env } from './env.ts'

type Stage = MiddlewareHandler<Env>

/** Lets a request on, or throws what it is refused with. */
export type Check = (c: Context<Env>) => void | Promise<void>

const checks = new WeakMap<object, Check>()

/**
 * A stage that has nothing more to do once a request was let on. It must not ask for parameters of the path: `chain` makes
 * it a part of the stage that follows, which has its own.
 */
export const check = (run: Check): Stage => {
  const stage: Stage = async (c, next) => {
    await run(c)
    await next()
  }
  checks.set(stage, run)
  return stage
}

/** Stands where the configuration asks for nothing. */
export const pass = check(() => {})

/**
 * The same stages in the same order, each check as a part of the stage that follows. Hono makes two promises and two closures
 * for each stage, and three quarters of ours are checks; as a part of another one each is a call (docs/decisions/061).
 */
export const chain = (...stages: readonly (Stage | Handler<Env>)[]): Stage[] => {
  const chained: Stage[] = []
  let before: Check[] = []
  for (const stage of stages as readonly Stage[]) {
    const run = checks.get(stage)
    if (run) {
      before.push(run)
      continue
    }
    chained.push(before.length === 0 ? stage : afterChecks(before, stage))
    before = []
  }
  if (before.length > 0) chained.push(afterChecks(before, (_c, next) => next()))
  return chained
}

const afterChecks =
  (before: readonly Check[], stage: Stage): Stage =>
  (c, next) => {
    for (let at = 0; at < before.length; at++) {
      const waits = before[at]?.(c)
      if (waits) return afterWaiting(waits, before.slice(at + 1), stage, c, next)
    }
    return stage(c, next)
  }

const afterWaiting = async (
  first: Promise<void>,
  rest: readonly Check[],
  ...[stage, c, next]: readonly [Stage, ...Parameters<Stage>]
): Promise<Awaited<ReturnType<Stage>>> => {
  await first
  for (const run of rest) {
    const waits = run(c)
    if (waits) await waits
  }
  return stage(c, next)
}
