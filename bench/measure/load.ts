import type { Load, Payload } from '../bench-case.ts'

export interface LoadOptions {
  readonly port: number
  readonly payload: Payload
  readonly load: Load
  readonly seconds: number
}

/** What the client saw. */
export interface LoadResult {
  /** Of TCP: megabytes (10⁶) that arrived, here and wherever something is per request or per second. */
  readonly requests: number
  readonly requestsPerSecond: number
  /** NaN for TCP, which has no requests to time. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the answers' bodies, or of whole answers where the client counts those. */
  readonly bytesRead: number
  /** The client's own words for bad answers and failed connections; empty when all went well. */
  readonly errors: readonly string[]
}
