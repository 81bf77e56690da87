import { copyFileSync, existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { GiveBack, NewEvent } from '../../../../../src/functions/queue/event-queue.ts'
import {
  defaultLimits,
  type LeaseHandle,
} from '../../../../../src/functions/queue/sqlite/protocol.ts'
import type {
  StoreCommand,
  StoreLimits,
} from '../../../../../src/functions/queue/sqlite/protocol.ts'
import type {
  StoreReply,
  StoreResults,
} from '../../../../../src/functions/queue/sqlite/protocol.ts'
import { SqliteStore } from '../../../../../src/functions/queue/sqlite/store.ts'
import { newEvent } from '../events.ts'

/** A store on a test's own file, with clocks that stand still. */
export class StoreBench {
  readonly path: string
  monotonic = 0
  wall = Date.UTC(2026, 10, 27)
  last: StoreReply | undefined
  #store: SqliteStore
  readonly #limits: StoreLimits

  constructor(t: Test, limits: Partial<StoreLimits> = {}, path?: string) {
    this.path = path ?? join(t.testdir(), 'events.sqlite')
    this.#limits = { ...defaultLimits, ...limits }
    this.#store = this.#create()
    t.teardown(() => this.#store.close())
  }

  /** Another process takes over the file. */
  reopen(): void {
    this.#store.close()
    this.#store = this.#create()
  }

  /** As {@link reopen}, on what the files held a moment before: nothing was written in parting. */
  crash(): void {
    const left = `${this.path}-crashed`
    for (const suffix of ['', '-wal'])
      if (existsSync(this.path + suffix)) copyFileSync(this.path + suffix, left + suffix)
    this.#store.close()
    // A name that does not grow: there may be many crashes.
    for (const suffix of ['', '-wal'])
      if (existsSync(left + suffix)) renameSync(left + suffix, this.path + suffix)
    this.#store = this.#create()
  }

  /** Both clocks go on. */
  pass(ms: number): void {
    this.monotonic += ms
    this.wall += ms
  }

  one<K extends StoreCommand['kind']>(
    command: Extract<StoreCommand, { kind: K }>,
  ): StoreResults[K] {
    this.last = this.#store.run([command])
    return this.last.results[0] as StoreResults[K]
  }

  run(commands: readonly StoreCommand[]): StoreReply {
    return this.#store.run(commands)
  }

  put(fields: Partial<NewEvent> = {}): StoreResults['put'] {
    return this.one<'put'>({ kind: 'put', event: newEvent(fields) })
  }

  take(max = 1, leaseMs = 1000): StoreResults['take'] {
    return this.one<'take'>({ kind: 'take', max, leaseMs })
  }

  takeOne(leaseMs = 1000): StoreResults['take']['events'][number] {
    const [taken] = this.take(1, leaseMs).events
    if (taken === undefined) throw new Error('nothing is due')
    return taken
  }

  acknowledge(handle: LeaseHandle): boolean {
    return this.one<'acknowledge'>({ kind: 'acknowledge', handle })
  }

  giveBack(handle: LeaseHandle, change: Partial<GiveBack> = {}): boolean {
    const whole = { delayMs: 0, attempts: 0, throttles: 0, ...change }
    return this.one<'give-back'>({ kind: 'give-back', handle, change: whole })
  }

  extend(handle: LeaseHandle, leaseMs: number): boolean {
    return this.one<'extend'>({ kind: 'extend', handle, leaseMs })
  }

  close(): void {
    this.#store.close()
  }

  #create(): SqliteStore {
    return new SqliteStore({
      path: this.path,
      limits: this.#limits,
      now: () => this.monotonic,
      wallNow: () => this.wall,
    })
  }
}
