/** `hop`: one proxy between client and backend. `pair`: an outbound and an inbound one with mTLS between them. */
export type Topology = 'hop' | 'pair'

/** What client and backend speak. `http2` is cleartext with prior knowledge. */
export type Protocol = 'http1' | 'http2' | 'tcp'

/** How hard the client pulls: `streams` is the number of requests at a time on each connection. */
export interface Load {
  readonly connections: number
  readonly streams: number
}

/** What travels in one exchange; of TCP, in one direction without an end. */
export interface Payload {
  /** `100B`, `10KB`, `1MB`: size of the answer; `post-10KB`: size of the request. */
  readonly name: string
  readonly protocol: Protocol
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

export const protocols: readonly Protocol[] = ['http1', 'http2', 'tcp']

/**
 * One connection with 50 streams is what an application with one gRPC channel sends its sidecar, and as many
 * requests at a time as the HTTP/1.1 rows have with 50; 50 connections with 10 are as many as those with 500.
 */
const defaultLoads: Readonly<Record<Protocol, readonly Load[]>> = {
  http1: [1, 50, 500].map(connections => ({ connections, streams: 1 })),
  http2: [
    { connections: 1, streams: 50 },
    { connections: 10, streams: 10 },
    { connections: 50, streams: 10 },
  ],
  tcp: [1, 50].map(connections => ({ connections, streams: 1 })),
}

const kilobyte = 1024

/** A gRPC message of 100 bytes with its prefix of five (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const grpcMessageBytes = 105

const smallest: Payload = {
  name: '100B',
  protocol: 'http1',
  path: '/',
  requestBytes: 0,
  answerBytes: 100,
  maxConnections: Number.POSITIVE_INFINITY,
}

/** Unary. */
export const grpcCall: Payload = {
  ...smallest,
  name: 'grpc',
  protocol: 'http2',
  path: '/bench.Echo/Unary',
  requestBytes: grpcMessageBytes,
  answerBytes: grpcMessageBytes,
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
  { ...smallest, name: 'h2-100B', protocol: 'http2' },
  grpcCall,
  // iperf3 takes no more than 128.
  { ...smallest, name: 'tcp', protocol: 'tcp', path: '', answerBytes: 0, maxConnections: 128 },
]

/** The given loads, or the protocol's own, less those that make no sense for the payload. */
export function loadsFor({ protocol, maxConnections }: Payload, given?: readonly Load[]): Load[] {
  return (given ?? defaultLoads[protocol]).filter(
    ({ connections, streams }) =>
      connections <= maxConnections && (streams === 1 || protocol === 'http2'),
  )
}

/** `pair-100B`. */
export function caseName(benchCase: BenchCase): string {
  return `${benchCase.topology}-${benchCase.payload.name}`
}

/** `50`, or `10×10` for ten streams on each of ten connections. */
export function loadName({ connections, streams }: Load): string {
  return streams === 1 ? String(connections) : `${connections}×${streams}`
}
