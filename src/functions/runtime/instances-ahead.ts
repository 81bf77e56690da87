import type { FunctionFault } from '../fault.ts'
import type { Instance } from './instance.ts'
import { Shelf, type ShelfEvents, type ShelfItem } from './shelf.ts'

export type OnEnd = (instance: Instance, fault: FunctionFault | undefined) => void

export interface InstancesAheadOptions {
  /** Makes one that has not begun. */
  readonly create: (onEnd: OnEnd) => Instance
  /** One that was taken has ended. */
  readonly onEnd: OnEnd
  readonly onTrouble: (reason: string) => void
}

/** Instances prepared, and not started: where the driver says that this saves time. */
export class InstancesAhead {
  readonly #shelf: Shelf<InstanceAhead>

  constructor(options: InstancesAheadOptions) {
    const { onTrouble } = options
    this.#shelf = new Shelf({ make: events => new InstanceAhead(options, events), onTrouble })
  }

  get ready(): number {
    return this.#shelf.ready
  }

  resize(count: number): void {
    this.#shelf.resize(count)
  }

  take(): Instance | undefined {
    return this.#shelf.take()?.take()
  }

  close(): Promise<void> {
    return this.#shelf.close()
  }
}

class InstanceAhead implements ShelfItem {
  ready = false
  readonly #instance: Instance
  #taken = false

  constructor({ create, onEnd }: InstancesAheadOptions, { onReady, onLost }: ShelfEvents) {
    let ended = false
    this.#instance = create((instance, fault) => {
      ended = true
      this.ready = false
      if (this.#taken) onEnd(instance, fault)
      else onLost(fault?.message ?? 'it ended')
    })
    void this.#instance.prepare().then(() => {
      if (ended) return
      this.ready = true
      onReady()
    })
  }

  take(): Instance {
    this.#taken = true
    return this.#instance
  }

  end(): void {
    this.#instance.kill()
  }
}
