import type { Candidates } from '../candidates.ts'
import type { EndpointState } from '../endpoint-state.ts'
import type { HashTable } from './hash-table.ts'
import type { LoadBalancer, PickContext } from '../load-balancer.ts'

/**
 * Sends a key where its table says. While that endpoint may not serve, its keys go where their next places lead, and
 * those of others stay: the table is not made anew. A request without a key goes to anybody.
 */
export class ConsistentHash implements LoadBalancer {
  readonly #candidates: Candidates
  readonly #createTable: (endpoints: readonly EndpointState[]) => HashTable
  #table: HashTable | undefined

  /** @param createTable called for the first key: many zones and subsets are never asked for one. */
  constructor(
    candidates: Candidates,
    createTable: (endpoints: readonly EndpointState[]) => HashTable,
  ) {
    this.#candidates = candidates
    this.#createTable = createTable
  }

  pick(context: PickContext): EndpointState | undefined {
    const { hash } = context
    if (hash === undefined) return this.#candidates.draw(context, undefined)
    const table = (this.#table ??= this.#createTable(this.#candidates.all))
    const position = table.position(hash)
    const owner = table.at(position)
    if (owner === undefined) return undefined
    const panicking = this.#candidates.isPanicking()
    if (this.#candidates.isEligible(owner, context, panicking)) return owner
    return this.#next(table, position, context)
  }

  #next(table: HashTable, start: number, context: PickContext): EndpointState | undefined {
    const panicking = this.#candidates.isPanicking()
    const isEligible = (state: EndpointState): boolean =>
      this.#candidates.isEligible(state, context, panicking)
    // Else a table without anybody would be walked through to its end.
    if (!this.#candidates.all.some(isEligible)) return undefined
    for (let step = 1; step < table.length; step++) {
      const state = table.at((start + step) % table.length)
      if (state !== undefined && isEligible(state)) return state
    }
    // Too light for a place in the table.
    return this.#candidates.draw(context, undefined)
  }
}
