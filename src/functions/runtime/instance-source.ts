import type { FunctionSpec } from '../../model/function/function.ts'
import type { Instance } from './instance.ts'
import { InstancesAhead, type OnEnd } from './instances-ahead.ts'
import type { Driver } from './sandbox.ts'

export interface InstanceSourceOptions {
  readonly driverFor: (spec: FunctionSpec) => Driver
  /** Makes one that has not begun. */
  readonly create: (spec: FunctionSpec, driver: Driver, onEnd: OnEnd) => Instance
  /** Of one that was taken. */
  readonly onEnd: OnEnd
  /** Nothing can be kept ready, for this reason; instances start without. */
  readonly onTrouble: (reason: string) => void
}

/** Where the instances of a function come from: made ahead as far as its `scale.pool` says, or when they are wanted. */
export class InstanceSource {
  readonly #options: InstanceSourceOptions
  readonly #closing = new Set<Promise<void>>()
  #spec: FunctionSpec | undefined
  #ahead: InstancesAhead | undefined

  constructor(options: InstanceSourceOptions) {
    this.#options = options
  }

  /** How many can be taken that were prepared. */
  get ready(): number {
    return this.#ahead?.ready ?? 0
  }

  /** @param same what was made ahead is good for it too. */
  apply(spec: FunctionSpec | undefined, same: boolean): void {
    const { driverFor } = this.#options
    if (!same) this.#closeAhead()
    if (this.#spec !== undefined && !same) driverFor(this.#spec).expect(this.#spec, 0)
    this.#spec = spec
    if (spec === undefined) return
    const { pool } = spec.scale
    const driver = driverFor(spec)
    driver.expect(spec, pool)
    if (!driver.preparesAhead) return
    this.#ahead ??= this.#makeAhead(spec, driver)
    this.#ahead.resize(pool)
  }

  /** One that is to be started. */
  take(spec: FunctionSpec): Instance {
    const { driverFor, create, onEnd } = this.#options
    return this.#ahead?.take() ?? create(spec, driverFor(spec), onEnd)
  }

  /** Resolves when what was made ahead is gone. */
  async close(): Promise<void> {
    this.apply(undefined, false)
    await Promise.all(this.#closing)
  }

  #makeAhead(spec: FunctionSpec, driver: Driver): InstancesAhead {
    const { create, onEnd, onTrouble } = this.#options
    return new InstancesAhead({ create: ended => create(spec, driver, ended), onEnd, onTrouble })
  }

  #closeAhead(): void {
    if (this.#ahead === undefined) return
    const closing = this.#ahead.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
    this.#ahead = undefined
  }
}
