import type { StoreLimits } from './protocol.ts'
import type { Statements } from './statements.ts'

/** The table is trimmed at every so many keys, and may be larger by as much: to count it takes a while. */
const trimEvery = 256

/** Which keys were seen lately, and the id of the event that brought each. */
export class IdempotencyKeys {
  readonly #statements: Statements
  readonly #limits: Pick<StoreLimits, 'keyWindowMs' | 'maxKeys'>
  #untilTrim = 1

  constructor(statements: Statements, limits: Pick<StoreLimits, 'keyWindowMs' | 'maxKeys'>) {
    this.#statements = statements
    this.#limits = limits
  }

  find(key: string, at: number): string | undefined {
    const id = this.#statements.key.get(key, at - this.#limits.keyWindowMs)?.['id']
    return typeof id === 'string' ? id : undefined
  }

  /** Within the transaction that stores the event. */
  add(key: string, id: string, at: number): void {
    this.#statements.addKey.run(key, id, at)
    if (--this.#untilTrim > 0) return
    this.#untilTrim = trimEvery
    this.#trim(at)
  }

  #trim(at: number): void {
    const { removeOldKeys, countKeys, removeFirstKeys } = this.#statements
    removeOldKeys.run(at - this.#limits.keyWindowMs)
    const excess = Number(countKeys.get()?.['keys']) - this.#limits.maxKeys
    if (excess > 0) removeFirstKeys.run(excess)
  }
}
