import type { EndpointState } from '../endpoint-state.ts'

/** Keys in their places: made once for a list of endpoints, the same in every sidecar that has the list. */
export interface HashTable {
  readonly length: number
  /** Of a key's hash, 32 bits. */
  position(hash: number): number
  /** Who has a position. Undefined in a table of nobody. */
  at(position: number): EndpointState | undefined
}

/** In an order that depends on nothing but their ids. */
export function byId(endpoints: readonly EndpointState[]): EndpointState[] {
  return endpoints.toSorted((a, b) => (a.endpoint.id < b.endpoint.id ? -1 : 1))
}

/** The largest weight, 0 where there is nobody. */
export function heaviestOf(endpoints: readonly EndpointState[]): number {
  return endpoints.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), 0)
}
