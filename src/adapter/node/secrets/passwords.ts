import { Worker } from 'node:worker_threads'
import { type PasswordVerifier, VerifierBusy } from '../../../platform/platform.ts'

export interface PasswordPoolOptions {
  /** Threads. Each one that was needed once keeps about 16 MB. Default 2. */
  readonly workers?: number
  /** Checks that may wait for a thread; more are refused with `VerifierBusy`. Default 64. */
  readonly queue?: number
}

export interface PasswordPool extends PasswordVerifier {
  /** Checks that wait for a thread. */
  readonly waiting: number
  /** Stops the threads. What was under way or waiting is refused with `VerifierBusy`. */
  close(): Promise<void>
}

/** What a thread is sent, and what it answers. */
export interface Check {
  readonly password: string
  readonly hash: string
}
export type Verdict = boolean

interface Job extends Check {
  readonly resolve: (verdict: Verdict) => void
  readonly reject: (reason: unknown) => void
  /** Threads that died with this check. */
  crashes: number
}

interface Thread {
  readonly worker: Worker
  job: Job | undefined
}

/** A check that killed two threads would kill a third. */
const maxCrashes = 2

/**
 * bcrypt off the event loop: a check of cost 14 takes a second and a half, which no stream may feel.
 * Threads start when first needed and keep the process alive only while they work.
 */
export const createPasswordPool = (options: PasswordPoolOptions = {}): PasswordPool => {
  const { workers = 2, queue = 64 } = options
  const threads = new Set<Thread>()
  const waiting = new Set<Job>()
  let closed = false

  const start = (): Thread => {
    const thread: Thread = { worker: new Worker(workerUrl), job: undefined }
    threads.add(thread)
    thread.worker.on('message', (verdict: Verdict) => {
      thread.job?.resolve(verdict)
      thread.job = undefined
      thread.worker.unref()
      feed()
    })
    // Without a listener an error in the thread would end the process; `exit` follows it.
    let cause: unknown = new Error('the password thread ended')
    thread.worker.on('error', (error) => {
      cause = error
    })
    thread.worker.on('exit', () => {
      threads.delete(thread)
      if (thread.job !== undefined) retry(thread.job, cause)
      feed()
    })
    return thread
  }

  const retry = (job: Job, cause: unknown): void => {
    job.crashes += 1
    if (closed) job.reject(new VerifierBusy())
    else if (job.crashes >= maxCrashes) job.reject(cause)
    else waiting.add(job)
  }

  const idle = (): Thread | undefined => {
    for (const thread of threads) if (thread.job === undefined) return thread
    return threads.size < workers ? start() : undefined
  }

  const feed = (): void => {
    for (const job of waiting) {
      const thread = closed ? undefined : idle()
      if (thread === undefined) return
      waiting.delete(job)
      thread.job = job
      thread.worker.ref()
      thread.worker.postMessage({ password: job.password, hash: job.hash } satisfies Check)
    }
  }

  return {
    get waiting() {
      return waiting.size
    },
    verify: (password, hash, signal) => {
      if (signal?.aborted) return Promise.reject(signal.reason)
      const { promise, resolve, reject } = Promise.withResolvers<Verdict>()
      const job: Job = { password, hash, resolve, reject, crashes: 0 }
      waiting.add(job)
      feed()
      if (closed || waiting.size > queue) {
        waiting.delete(job)
        return Promise.reject(new VerifierBusy())
      }
      // One that runs cannot be stopped; its verdict is still of use to the cache.
      const drop = () => {
        if (waiting.delete(job)) reject(signal?.reason)
      }
      signal?.addEventListener('abort', drop, { once: true })
      return promise.finally(() => signal?.removeEventListener('abort', drop))
    },
    close: async () => {
      closed = true
      for (const job of waiting) job.reject(new VerifierBusy())
      waiting.clear()
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
    },
  }
}

/** TypeScript in a checkout, JavaScript in the published build. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const workerUrl = new URL(`./passwords.worker.${extension}`, import.meta.url)
