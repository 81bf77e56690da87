import type { EndpointState } from '../endpoint-state.ts'
import { byId, heaviestOf, type HashTable } from './hash-table.ts'
import { murmur3 } from './murmur3.ts'

/** The paper's "small" size, a prime; Envoy's default. */
const defaultSize = 65_537
const skipSeed = 0x9e37_79b9

/**
 * The table of "Maglev: A Fast and Reliable Software Network Load Balancer" §3.4: every endpoint has its own order of
 * all slots, and they take turns in taking the next that is free. Shares are exact within a slot or two; the end of an
 * endpoint moves its keys and few others. A lighter endpoint has fewer turns, as Envoy does it.
 */
export class MaglevTable implements HashTable {
  readonly length: number
  readonly #endpoints: readonly EndpointState[]
  readonly #slots: Uint16Array | Uint32Array

  /** @param size a prime; a hundred times as many slots as endpoints keep shares within 1 %. */
  constructor(endpoints: readonly EndpointState[], size = defaultSize) {
    this.#endpoints = byId(endpoints)
    this.length = endpoints.length === 0 ? 0 : size
    this.#slots = this.length === 0 ? new Uint16Array() : fill(this.#endpoints, size)
  }

  position(hash: number): number {
    return this.length === 0 ? 0 : hash % this.length
  }

  at(position: number): EndpointState | undefined {
    return this.#endpoints[this.#slots[position] ?? 0]
  }
}

/** What an endpoint has of the table so far. */
interface Turn {
  /** Turns a round, 0–1. */
  readonly pace: number
  readonly skip: number
  next: number
  taken: number
}

function fill(endpoints: readonly EndpointState[], size: number): Uint16Array | Uint32Array {
  const isSmall = endpoints.length < 0xffff
  const free = isSmall ? 0xffff : 0xffff_ffff
  const slots = (isSmall ? new Uint16Array(size) : new Uint32Array(size)).fill(free)
  const turns = turnsOf(endpoints, size)
  let filled = 0
  for (let round = 1; ; round++) {
    for (const [index, turn] of turns.entries()) {
      if (round * turn.pace < turn.taken + 1) continue
      turn.taken++
      while (slots[turn.next] !== free) turn.next = (turn.next + turn.skip) % size
      slots[turn.next] = index
      if (++filled === size) return slots
    }
  }
}

function turnsOf(endpoints: readonly EndpointState[], size: number): Turn[] {
  const heaviest = heaviestOf(endpoints)
  return endpoints.map(({ endpoint: { id, weight } }) => ({
    pace: weight / heaviest,
    skip: (murmur3(id, skipSeed) % (size - 1)) + 1,
    next: murmur3(id) % size,
    taken: 0,
  }))
}
