import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { caddy } from '../support/parts/caddy.ts'
import { llamaServer, weights } from '../support/parts/llama.ts'
import { describeWith } from '../support/parts/need.ts'
import { openWebui } from '../support/parts/open-webui.ts'
import { postern } from '../support/postern.ts'
import { doors, pair, type Stack, startStack } from './stack.ts'

interface Check {
  readonly name: string
  readonly verdict: 'green' | 'red' | 'skipped'
  readonly detail: string
}

const verify = async (url: string, credential: string) => {
  const { code, stdout } = await postern(['verify', url, '-u', credential, '--json'])
  const checks: Check[] = JSON.parse(stdout)
  const red = checks.filter(({ verdict }) => verdict === 'red').map(({ name }) => name)
  return { code, checks, red }
}

describeWith([llamaServer, weights, caddy, openWebui], 'postern verify on real parts', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ webui: true })
  })
  afterAll(() => stack?.stop())

  test.each(doors)('is green through %s when everything is there', async (door) => {
    const { code, checks, red } = await verify(stack[door].url, pair('api_user'))
    expect(red, JSON.stringify(checks, null, 2)).toEqual([])
    expect(checks.every(({ verdict }) => verdict === 'green')).toBe(true)
    expect(code).toBe(0)
    expect(checks.at(-1)).toMatchObject({ detail: 'Open WebUI' })
  })

  test('prints a line for each check', async () => {
    const { stdout } = await postern(['verify', stack.postern.url, '-u', pair('api_user')])
    expect(stdout.trim().split('\n').length).toBeGreaterThan(6)
    expect(stdout).not.toContain(pair('api_user'))
  })

  test('is red at what needs credentials when the password is wrong', async () => {
    const { code, red } = await verify(stack.postern.url, 'api_user:wrong')
    expect(red).toEqual([
      'with credentials: 200 and models',
      'a chat completion answers',
      'a chat completion streams',
    ])
    expect(code).toBe(1)
  })

  // In this order: each takes one more part away.
  describe('with parts taken away', () => {
    test('is red at the page alone when Open WebUI is stopped', async () => {
      await stack.webui?.stop()
      const { code, red } = await verify(stack.postern.url, pair('api_user'))
      expect(red).toEqual(['the page at / answers'])
      expect(code).toBe(1)
    })

    test('is red at completions too when the model server is stopped', async () => {
      await stack.llama.stop()
      const { code, red } = await verify(stack.postern.url, pair('api_user'))
      expect(red).toEqual([
        'a chat completion answers',
        'a chat completion streams',
        'the page at / answers',
      ])
      expect(code).toBe(1)
    })

    test('is red at everything when Postern itself is stopped', async () => {
      await stack.postern.stop()
      const { code, checks, red } = await verify(stack.postern.url, pair('api_user'))
      expect(red).toEqual(checks.map(({ name }) => name))
      expect(code).toBe(1)
    })
  })
})
