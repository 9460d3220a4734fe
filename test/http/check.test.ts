import { type Handler, Hono, type MiddlewareHandler } from 'hono'
import { describe, expect, it } from 'vitest'
import { chain, check, pass } from '../../src/gateway/http/check.ts'
import type { Env } from '../../src/gateway/http/env.ts'
import { createRouter } from '../../src/gateway/http/router.ts'

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
  const around: MiddlewareHandler<Env> = async (c, next) => {
    await next()
    ran.push(`after ${c.res.status} ${c.error?.message ?? 'no error'}`)
  }
  app.use(...chain(look('first'), around))
  app.use(...chain(look('second'), look('third', true), look('fourth'), pass))
  const thing: Handler<Env> = (c) => c.text(`thing ${c.req.param('name')}`)
  app.on('GET', ['/things/:name'], ...chain(look('fifth'), thing))
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
    const stage: MiddlewareHandler<Env> = (_c, next) => next()
    expect(chain(pass, pass, stage, pass, stage, pass)).toHaveLength(3)
    expect(chain(stage, stage)).toEqual([stage, stage])
  })
})
