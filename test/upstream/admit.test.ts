import { expect, test } from 'vitest'
import { createAdmission } from '../../src/gateway/upstream/admit.ts'
import { Failure } from '../../src/platform/failure.ts'
import type { ProviderLimits } from '../../src/platform/upstream.ts'
import { provider } from './provider.ts'

const limited = (limits: Partial<ProviderLimits>) =>
  provider('gpu', ['m'], { limits: { queue: 64, ...limits } })
const stays = () => () => new AbortController().signal

test('a provider without a limit takes everybody at once', () => {
  const { admit } = createAdmission()
  for (let i = 0; i < 1000; i++) expect(admit(limited({}), stays())).toBeTypeOf('function')
  expect(admit(provider('any', []), stays())).toBeTypeOf('function')
})

test('places are given in the order of arrival, and each once', async () => {
  const { admit } = createAdmission()
  const gpu = limited({ concurrency: 2 })
  const first = await admit(gpu, stays())
  await admit(gpu, stays())
  const served: string[] = []
  const wait = async (name: string) => {
    const release = await admit(gpu, stays())
    served.push(name)
    return release
  }
  const c = wait('c')
  const d = wait('d')
  await Promise.resolve()
  expect(served).toEqual([])
  first()
  first()
  const release = await c
  await Promise.resolve()
  expect(served).toEqual(['c'])
  release()
  await d
  expect(served).toEqual(['c', 'd'])
})

test('more than may wait are refused at once, with a time to come back', async () => {
  const { admit } = createAdmission()
  const gpu = limited({ concurrency: 1, queue: 1 })
  const release = await admit(gpu, stays())
  const waiting = admit(gpu, stays())
  const refuse = () => admit(gpu, stays())
  expect(refuse).toThrow(Failure)
  expect(refuse).toThrow(
    expect.objectContaining({ code: 'overloaded', status: 503, headers: { 'retry-after': '5' } }),
  )
  release()
  ;(await waiting)()
  expect(await admit(gpu, stays())).toBeTypeOf('function')
})

test('who leaves loses its turn, and makes room for another', async () => {
  const { admit } = createAdmission()
  const gpu = limited({ concurrency: 1, queue: 1 })
  const release = await admit(gpu, stays())
  const client = new AbortController()
  const left = admit(gpu, () => client.signal)
  client.abort()
  await expect(left).rejects.toThrow()
  const next = admit(gpu, stays())
  release()
  expect(await next).toBeTypeOf('function')
  const gone = admit(gpu, () => AbortSignal.abort())
  await expect(gone).rejects.toThrow()
})

test('a new configuration goes on counting those who are there', async () => {
  const { admit } = createAdmission()
  const release = await admit(limited({ concurrency: 2 }), stays())
  const other = await admit(limited({ concurrency: 2 }), stays())
  const narrow = limited({ concurrency: 1 })
  let admitted = false
  const waiting = Promise.resolve(admit(narrow, stays())).then(() => {
    admitted = true
  })
  release()
  await Promise.resolve()
  expect(admitted).toBe(false)
  other()
  await waiting
  expect(admitted).toBe(true)
})
