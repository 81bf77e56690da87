import type { EndpointState } from '../endpoint-state.ts'
import { byId, type HashTable } from './hash-table.ts'
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

function fill(endpoints: readonly EndpointState[], size: number): Uint16Array | Uint32Array {
  const isSmall = endpoints.length < 0xffff
  const free = isSmall ? 0xffff : 0xffff_ffff
  const slots = (isSmall ? new Uint16Array(size) : new Uint32Array(size)).fill(free)
  const heaviest = Math.max(...endpoints.map(({ endpoint }) => endpoint.weight))
  const weights = endpoints.map(({ endpoint }) => endpoint.weight / heaviest)
  const next = endpoints.map(({ endpoint }) => murmur3(endpoint.id) % size)
  const skips = endpoints.map(({ endpoint }) => (murmur3(endpoint.id, skipSeed) % (size - 1)) + 1)
  const turns = new Uint32Array(endpoints.length)
  let filled = 0
  for (let round = 1; ; round++) {
    for (let index = 0; index < endpoints.length; index++) {
      if (round * (weights[index] ?? 0) < (turns[index] ?? 0) + 1) continue
      turns[index] = (turns[index] ?? 0) + 1
      const skip = skips[index] ?? 1
      let slot = next[index] ?? 0
      while (slots[slot] !== free) slot = (slot + skip) % size
      slots[slot] = index
      next[index] = (slot + skip) % size
      if (++filled === size) return slots
    }
  }
}
