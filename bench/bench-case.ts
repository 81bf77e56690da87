/** `hop`: one proxy between client and backend. `pair`: an outbound and an inbound one with mTLS between them. */
export type Topology = 'hop' | 'pair'

/** What travels in one exchange. */
export interface Payload {
  /** `100B`, `10KB`, `1MB`: size of the answer; `post-10KB`: size of the request. */
  readonly name: string
  /** Path at the backend. */
  readonly path: string
  readonly requestBytes: number
  readonly answerBytes: number
  /** Beyond these the payload would measure the machine's memory. */
  readonly maxConnections: number
}

export interface BenchCase {
  readonly topology: Topology
  readonly payload: Payload
}

export const topologies: readonly Topology[] = ['pair', 'hop']

export const defaultConnections: readonly number[] = [1, 50, 500]

const kilobyte = 1024

export const smallest: Payload = {
  name: '100B',
  path: '/',
  requestBytes: 0,
  answerBytes: 100,
  maxConnections: Number.POSITIVE_INFINITY,
}

export const payloads: readonly Payload[] = [
  smallest,
  { ...smallest, name: '10KB', path: '/10KB.bin', answerBytes: 10 * kilobyte },
  { ...smallest, name: 'post-10KB', path: '/post', requestBytes: 10 * kilobyte },
  {
    ...smallest,
    name: '1MB',
    path: '/1MB.bin',
    answerBytes: kilobyte ** 2,
    maxConnections: 50,
  },
]

/** `pair-100B`. */
export function caseName(benchCase: BenchCase): string {
  return `${benchCase.topology}-${benchCase.payload.name}`
}
