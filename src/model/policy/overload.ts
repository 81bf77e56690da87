/** When a sidecar that is itself overloaded turns requests away. */
export interface OverloadPolicy {
  readonly enabled: boolean
  /** Lateness of the event loop that lasts, in ms. Default 500 and 2000. */
  readonly eventLoopDelayMs: Range
  /** Share of the heap's limit that is used, 0–1. Default 0.85 and 0.95. */
  readonly heapRatio: Range
}

/** Shedding starts at `start`, with what is least important, and takes all but the critical at `full`. */
interface Range {
  readonly start: number
  readonly full: number
}

export const overloadDefaults: OverloadPolicy = {
  enabled: true,
  eventLoopDelayMs: { start: 500, full: 2000 },
  heapRatio: { start: 0.85, full: 0.95 },
}
