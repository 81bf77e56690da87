import type { FunctionLoad } from '../../discovery/message.ts'

/** What hosts report, and what waits in callers' sidecars, each until it is old. */
export class Demand<Caller> {
  readonly #loads = new Map<string, { readonly load: FunctionLoad; readonly at: number }>()
  readonly #callers = new Map<Caller, { readonly waiting: number; readonly at: number }>()

  /** Those who wait. */
  get callers(): readonly Caller[] {
    return [...this.#callers.keys()]
  }

  /** One entry each: bounded by the sidecars that are connected. */
  waits(caller: Caller, waiting: number, at: number): void {
    this.#callers.set(caller, { waiting, at })
  }

  served(caller: Caller): void {
    this.#callers.delete(caller)
  }

  /** @param host its workload. */
  reported(host: string, load: FunctionLoad, at: number): void {
    this.#loads.set(host, { load, at })
  }

  gone(host: string): void {
    this.#loads.delete(host)
  }

  /** Invocations at work, in queues and before the door; instances that are ready. */
  at(now: number): { readonly concurrency: number; readonly ready: number } {
    let concurrency = 0
    let ready = 0
    for (const [host, { load, at }] of this.#loads) {
      if (now - at > freshMs) this.#loads.delete(host)
      else {
        concurrency += load.active + load.queued
        ready += load.ready
      }
    }
    for (const [caller, { waiting, at }] of this.#callers) {
      if (now - at > freshMs) this.#callers.delete(caller)
      else concurrency += waiting
    }
    return { concurrency, ready }
  }
}

/** Both say it each second, while there is something to say. */
const freshMs = 3500
