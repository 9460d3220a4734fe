import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { chatBody } from './chat.ts'
import { type Percentiles, Samples } from './samples.ts'

export interface PacedOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly perSecond: number
  readonly seconds: number
}

/**
 * So many requests a second, however long each takes, as people and their programs send them. Rejects when one of them is
 * refused.
 */
export const paced = async (options: PacedOptions): Promise<Percentiles> => {
  const { perSecond, seconds } = options
  const agent = new Agent({ keepAlive: true })
  const samples = new Samples()
  const started = performance.now()
  const asked: Promise<void>[] = []
  for (let at = 0; at < perSecond * seconds; at++) {
    await sleep(Math.max(0, started + (at * 1000) / perSecond - performance.now()))
    asked.push(ask(options, agent).then((ms) => samples.add(ms * 1000)))
  }
  await Promise.all(asked)
  agent.destroy()
  return samples.percentiles()
}

/** ms until all of the answer is there */
const ask = ({ url, headers }: PacedOptions, agent: Agent): Promise<number> =>
  new Promise((resolve, reject) => {
    const from = performance.now()
    const sent = request(url, { method: 'POST', headers, agent }, (answer) => {
      answer.resume()
      answer.once('error', reject)
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - from)
        else reject(new Error(`answered ${answer.statusCode}`))
      })
    })
    sent.once('error', reject)
    sent.end(chatBody)
  })
