import type { EndpointState } from '../endpoint-state.ts'
import { byId, heaviestOf, type HashTable } from './hash-table.ts'
import { murmur3 } from './murmur3.ts'

/** As Envoy's. */
const defaultMinSize = 1024
/** Bound of a ring, which takes 8 bytes a point. */
const maxSize = 131_072
/** Points of the heaviest endpoint, within {@link maxSize}: with so many its share is right within some 12 %. */
const wantedPoints = 64
/** Holds an endpoint's number beside 32 bits of hash in one double. */
const maxEndpoints = 2 ** 20

/**
 * Ketama's ring: each endpoint stands at many points, and a key belongs to the next point. The points of an endpoint
 * depend on its id and weight alone, and their number doubles or halves at few sizes of the list, so that to remove
 * an endpoint moves the keys that it had and, as a rule, no others.
 */
export class HashRing implements HashTable {
  readonly #hashes: Uint32Array
  readonly #owners: Uint32Array
  readonly #endpoints: readonly EndpointState[]

  /** @param minSize points that there are at least, however few the endpoints. */
  constructor(endpoints: readonly EndpointState[], minSize = defaultMinSize) {
    this.#endpoints = byId(endpoints).slice(0, maxEndpoints)
    const counts = pointCounts(this.#endpoints, minSize)
    const points = new Float64Array(sum(counts))
    let next = 0
    for (const [owner, { endpoint }] of this.#endpoints.entries())
      for (let point = 0; point < (counts[owner] ?? 0); point++)
        points[next++] = murmur3(endpoint.id, point) * maxEndpoints + owner
    points.sort()
    this.#hashes = new Uint32Array(points.length)
    this.#owners = new Uint32Array(points.length)
    for (const [position, point] of points.entries()) {
      this.#hashes[position] = Math.floor(point / maxEndpoints)
      this.#owners[position] = point % maxEndpoints
    }
  }

  get length(): number {
    return this.#hashes.length
  }

  /** The first point from the hash on; after the last comes the first. */
  position(hash: number): number {
    const hashes = this.#hashes
    let low = 0
    let high = hashes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((hashes[middle] ?? 0) < hash) low = middle + 1
      else high = middle
    }
    return low === hashes.length ? 0 : low
  }

  at(position: number): EndpointState | undefined {
    return this.#endpoints[this.#owners[position] ?? 0]
  }
}

function pointCounts(endpoints: readonly EndpointState[], minSize: number): number[] {
  const heaviest = heaviestOf(endpoints)
  const countsAt = (scale: number): number[] =>
    endpoints.map(({ endpoint }) => Math.max(1, Math.round((scale * endpoint.weight) / heaviest)))
  let scale = wantedPoints
  while (scale > 1 && sum(countsAt(scale)) > maxSize) scale /= 2
  while (endpoints.length > 0 && sum(countsAt(scale)) < Math.min(minSize, maxSize / 2)) scale *= 2
  return countsAt(scale)
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
