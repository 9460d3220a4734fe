import type { HookConfig } from '../../config/config.ts'
import type { Platform } from '../../platform/platform.ts'
import type { HeaderList } from '../../platform/upstream.ts'
import { type CallHook, HookError } from './call.ts'
import type { Hooks } from './uses.ts'

/** A call that nobody waits for. */
export interface Delivery {
  readonly hook: string
  readonly events: string
  readonly id: string
  readonly body: Uint8Array
  readonly headers: HeaderList
}

/** Calls to hooks after the answer: kept in memory, within bounds, across changes of the configuration. */
export interface Deliveries {
  /** The hooks there are now: who was taken out or turned off gets nothing more. */
  use(hooks: Hooks): void
  /** Takes so much of the memory for answers that are under way; false when there is none left. */
  reserve(bytes: number): boolean
  release(bytes: number): void
  /** What `make` resolves with is sent. It does its work when the answer is out. */
  later(make: () => Promise<readonly Delivery[]>): void
  /** Sends what is left, each once more at most, for so many ms; what then remains is dropped. */
  drain(ms: number): Promise<void>
  readonly counts: Readonly<Record<'delivered' | 'failed' | 'dropped', number>>
}

export interface DeliveriesOptions extends Pick<Platform, 'log' | 'clock' | 'waitUntil'> {
  readonly call: CallHook
  /** ms before each further attempt. */
  readonly waits?: readonly number[]
  readonly bounds?: Partial<DeliveryBounds>
}

export interface DeliveryBounds {
  /** Calls of one hook at a time. */
  readonly concurrency: number
  /** Calls of one hook that wait, or are under way. */
  readonly entries: number
  /** Bytes of those. */
  readonly bytes: number
  /** Bytes of answers that are kept while they pass, for all hooks together. */
  readonly answers: number
}

const MiB = 1024 * 1024
const defaults: DeliveryBounds = {
  concurrency: 4,
  entries: 1000,
  bytes: 32 * MiB,
  answers: 64 * MiB,
}

export const createDeliveries = (options: DeliveriesOptions): Deliveries => new Queue(options)

interface Waiting extends Delivery {
  attempts: number
  timer: ReturnType<typeof setTimeout> | undefined
}

interface Lane {
  readonly ready: Waiting[]
  /** Those who wait for their next attempt. */
  readonly resting: Set<Waiting>
  running: number
  bytes: number
}

class Queue implements Deliveries {
  readonly counts = { delivered: 0, failed: 0, dropped: 0 }
  readonly #options: DeliveriesOptions
  readonly #bounds: DeliveryBounds
  readonly #waits: readonly number[]
  readonly #lanes = new Map<string, Lane>()
  #hooks: Hooks = new Map()
  #kept = 0
  #making = 0
  #draining = false
  #closed = false
  #idle: (() => void) | undefined
  /** `clock.elapsed()` of the last line about what was dropped, by hook. */
  readonly #told = new Map<string, number>()

  constructor(options: DeliveriesOptions) {
    this.#options = options
    this.#bounds = { ...defaults, ...options.bounds }
    this.#waits = options.waits ?? [1_000, 4_000, 16_000, 64_000]
  }

  use(hooks: Hooks): void {
    this.#hooks = hooks
  }

  reserve(bytes: number): boolean {
    if (this.#kept + bytes > this.#bounds.answers) return false
    this.#kept += bytes
    return true
  }

  release(bytes: number): void {
    this.#kept -= bytes
  }

  later(make: () => Promise<readonly Delivery[]>): void {
    this.#making += 1
    const work = new Promise<void>((resolve) => setTimeout(resolve))
      .then(make)
      .then((deliveries) => {
        for (const delivery of deliveries) this.#add(delivery)
      })
      .finally(() => {
        this.#making -= 1
        this.#settle()
      })
    this.#options.waitUntil(work)
  }

  async drain(ms: number): Promise<void> {
    this.#draining = true
    for (const [name, lane] of this.#lanes) {
      for (const each of lane.resting) this.#wake(name, each)
    }
    await this.#untilIdle(ms)
    this.#closed = true
    for (const [name, lane] of this.#lanes) {
      for (const each of lane.ready.splice(0)) this.#drop(name, each, 'shutdown')
    }
  }

  #untilIdle(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#idle = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#settle()
    })
  }

  #settle(): void {
    const busy = [...this.#lanes.values()].some(
      ({ ready, resting, running }) => running > 0 || ready.length > 0 || resting.size > 0,
    )
    if (!busy && this.#making === 0) this.#idle?.()
  }

  #laneOf(name: string): Lane {
    const lane = this.#lanes.get(name) ?? { ready: [], resting: new Set(), running: 0, bytes: 0 }
    this.#lanes.set(name, lane)
    return lane
  }

  #add(delivery: Delivery): void {
    const lane = this.#laneOf(delivery.hook)
    const entries = lane.ready.length + lane.resting.size + lane.running
    const bytes = lane.bytes + delivery.body.byteLength
    lane.bytes = bytes
    const waiting: Waiting = { ...delivery, attempts: 0, timer: undefined }
    if (this.#closed) this.#drop(delivery.hook, waiting, 'shutdown')
    else if (entries >= this.#bounds.entries || bytes > this.#bounds.bytes) {
      this.#drop(delivery.hook, waiting, 'queue_full')
    } else {
      lane.ready.push(waiting)
      this.#pump(delivery.hook)
    }
  }

  #pump(name: string): void {
    const lane = this.#laneOf(name)
    while (lane.running < this.#bounds.concurrency) {
      const next = lane.ready.shift()
      if (!next) return
      lane.running += 1
      const done = this.#attempt(name, next).finally(() => {
        lane.running -= 1
        this.#pump(name)
        this.#settle()
      })
      this.#options.waitUntil(done)
    }
  }

  async #attempt(name: string, waiting: Waiting): Promise<void> {
    const hook = this.#hooks.get(name)
    if (!hook || hook.disabled || hook.redact) {
      this.#drop(name, waiting, 'hook_gone')
      return
    }
    const failure = await this.#send(hook, waiting)
    if (failure === undefined) {
      this.counts.delivered += 1
      this.#forget(name, waiting)
      return
    }
    waiting.attempts += 1
    const wait = this.#draining ? undefined : this.#waits[waiting.attempts - 1]
    if (failure.final || wait === undefined) this.#fail(name, waiting, failure.reason)
    else this.#rest(name, waiting, wait)
  }

  async #send(
    hook: HookConfig,
    { id, events, body, headers }: Waiting,
  ): Promise<Failed | undefined> {
    try {
      const { status } = await this.#options.call({ hook, events, delivery: id, body, headers })
      if (status >= 200 && status < 300) return undefined
      const again = status >= 500 || status === 408 || status === 425 || status === 429
      return { reason: `status_${status}`, final: !again }
    } catch (error) {
      const reason = error instanceof HookError ? error.message : String(error)
      return { reason, final: false }
    }
  }

  #rest(name: string, waiting: Waiting, ms: number): void {
    this.#laneOf(name).resting.add(waiting)
    waiting.timer = setTimeout(() => this.#wake(name, waiting), ms)
  }

  #wake(name: string, waiting: Waiting): void {
    const lane = this.#laneOf(name)
    clearTimeout(waiting.timer)
    lane.resting.delete(waiting)
    lane.ready.push(waiting)
    this.#pump(name)
  }

  #forget(name: string, { body }: Delivery): void {
    this.#laneOf(name).bytes -= body.byteLength
  }

  #fail(hook: string, waiting: Waiting, reason: string): void {
    this.counts.failed += 1
    this.#forget(hook, waiting)
    const { id: delivery, attempts } = waiting
    this.#options.log('warn', 'hook.undelivered', { hook, delivery, attempts, reason })
  }

  /** A flood of requests must not become a flood of lines: one a second for each hook. */
  #drop(hook: string, waiting: Delivery, reason: string): void {
    this.counts.dropped += 1
    this.#forget(hook, waiting)
    const now = this.#options.clock.elapsed()
    if (now - (this.#told.get(hook) ?? Number.NEGATIVE_INFINITY) < 1000) return
    this.#told.set(hook, now)
    this.#options.log('warn', 'hook.dropped', { hook, reason, dropped: this.counts.dropped })
  }
}

interface Failed {
  readonly reason: string
  /** Would fail again. */
  readonly final: boolean
}
