import type { EndpointState } from './endpoint-state.ts'

/** Fewer requests in flight for its weight. */
export function isLessBusy(a: EndpointState, b: EndpointState): boolean {
  return a.active * b.weight < b.active * a.weight
}
