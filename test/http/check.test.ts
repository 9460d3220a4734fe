import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { check, joinChecks, pass } from '../../src/http/check.ts'
import type { Env } from '../../src/http/env.ts'
import { createRouter } from '../../src/http/router.ts'

const later = () => new Promise<void>((resolve) => setTimeout(resolve, 1))

/** An app whose stages write down when they run. */
const start = (refuse?: string) => {
  const ran: string[] = []
  const look = (name: string, waits = false) =>
    check((c) => {
      const run = () => {
        ran.push(`${name} ${c.req.path}`)
        if (name === refuse) throw new Error(`refused by ${name}`)
      }
      return waits ? later().then(run) : run()
    })
  const app = new Hono<Env>({ router: createRouter() })
  app.onError((error, c) => c.text(error.message, 403))
  app.use(look('first'), async (c, next) => {
    await next()
    ran.push(`after ${c.res.status} ${c.error?.message ?? 'no error'}`)
  })
  app.use(look('second'), look('third', true), look('fourth'), pass)
  app.get('/things/:name', look('fifth'), (c) => c.text(`thing ${c.req.param('name')}`))
  app.get('/open', (c) => c.text('open'))
  return { ran, ask: (path: string) => app.request(path) }
}

describe('checks', () => {
  it('run in their order, whether they wait or not, and then what they stand before', async () => {
    const { ran, ask } = start()
    expect(await (await ask('/things/a')).text()).toBe('thing a')
    const names = ['first', 'second', 'third', 'fourth', 'fifth'].map((name) => `${name} /things/a`)
    expect(ran).toEqual([...names, 'after 200 no error'])
  })

  it.each(['second', 'third', 'fourth', 'fifth'])(
    'let nothing run behind them, and stages around them know (%s)',
    async (refuse) => {
      const { ran, ask } = start(refuse)
      const answer = await ask('/things/a')
      expect([answer.status, await answer.text()]).toEqual([403, `refused by ${refuse}`])
      expect(ran.at(-2)).toBe(`${refuse} /things/a`)
      expect(ran.at(-1)).toBe(`after 403 refused by ${refuse}`)
    },
  )

  it('keep what each path says apart, also when it was asked for before', async () => {
    const { ask } = start()
    for (const name of ['a', 'b', 'a']) {
      expect(await (await ask(`/things/${name}`)).text()).toBe(`thing ${name}`)
    }
    expect(await (await ask('/open')).text()).toBe('open')
    expect((await ask('/nothing')).status).toBe(404)
  })

  it('cost no stage of their own, but for one that nothing follows', () => {
    const handler = () => {}
    const found = [pass, pass, handler, pass, handler, pass].map(
      (each) => [[each, 'r'], {}] as const,
    )
    expect(joinChecks(found)).toHaveLength(3)
  })
})
