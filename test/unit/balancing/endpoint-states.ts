import type { Random } from '../../../src/base/random.ts'
import { EndpointState } from '../../../src/balancing/endpoint-state.ts'

/** One endpoint per weight, named `e0`, `e1` and so on. */
export function endpointStates(...weights: number[]): EndpointState[] {
  return weights.map(
    (weight, index) =>
      new EndpointState({
        id: `e${index}`,
        address: '127.0.0.1',
        port: 8000 + index,
        weight,
        workload: `w${index}`,
      }),
  )
}

/** Uniform, and the same numbers in each run (a 32-bit xorshift). */
export function seededRandom(seed: number): Random {
  let state = (seed | 0) ^ 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
}

/** How often each id was picked. */
export function tally(picks: Iterable<EndpointState | undefined>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const picked of picks) {
    const id = picked?.endpoint.id ?? 'none'
    counts[id] = (counts[id] ?? 0) + 1
  }
  return counts
}
