import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { EventQueue, GiveBack, Lease, NewEvent, PutResult } from './event-queue.ts'
import type { QueueDepth, TakeOptions } from './event-queue.ts'
import { defaultLimits, type StoreLimits, type Taken } from './sqlite/protocol.ts'
import { StoreThread } from './sqlite/store-thread.ts'
import { WakeUp } from './wake-up.ts'

export interface SqliteQueueOptions {
  /** The database. Its folder is made where it is missing. */
  readonly path: string
  readonly limits?: Partial<StoreLimits>
  readonly logger: Logger
  /** Monotonic. */
  readonly now: Now
}

/**
 * The queue of one function in a file of this machine, on Node's own SQLite (Node 22.13 or later). Starts whatever the
 * file is like: one that is damaged is set aside and logged, one that can't be opened is tried again, and refuses puts
 * with `disk` until then. Only one process may use the file.
 */
export class SqliteQueue implements EventQueue {
  readonly #thread: StoreThread
  readonly #now: Now
  readonly #wakeUp = new WakeUp()
  #closed = false

  constructor({ path, limits, logger, now }: SqliteQueueOptions) {
    this.#thread = new StoreThread({ path, limits: { ...defaultLimits, ...limits } }, logger)
    this.#now = now
  }

  get depth(): QueueDepth {
    return this.#thread.depth
  }

  async put(event: NewEvent): Promise<PutResult> {
    const result = await this.#thread.send({ kind: 'put', event })
    if (result.kind === 'stored') this.#wakeUp.all()
    return result
  }

  async take({ max, leaseMs, waitMs, signal }: TakeOptions): Promise<readonly Lease[]> {
    const until = this.#now() + waitMs
    while (!signal.aborted && !this.#closed) {
      // Before the question: what is put while it is under way must not be slept through.
      const woken = this.#wakeUp.next()
      const taken = await this.#thread.send({ kind: 'take', max, leaseMs })
      if (taken.failure !== undefined) throw new Error(`cannot read the queue: ${taken.failure}`)
      if (taken.events.length > 0) return taken.events.map(each => this.#lease(each))
      const restMs = until - this.#now()
      if (restMs <= 0) break
      await woken.within(Math.min(restMs, taken.nextInMs ?? restMs), signal)
    }
    return []
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wakeUp.all()
    await this.#thread.close()
  }

  #lease({ event, handle }: Taken['events'][number]): Lease {
    const { payload } = event
    return {
      // It has come through a port, which knows no Buffer.
      event: {
        ...event,
        payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
      },
      acknowledge: () => this.#thread.send({ kind: 'acknowledge', handle }),
      giveBack: change => this.#giveBack(handle, change),
      extend: leaseMs => this.#thread.send({ kind: 'extend', handle, leaseMs }),
    }
  }

  async #giveBack(handle: Taken['events'][number]['handle'], change: GiveBack): Promise<boolean> {
    const held = await this.#thread.send({ kind: 'give-back', handle, change })
    if (held) this.#wakeUp.all()
    return held
  }
}
