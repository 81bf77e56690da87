/**
 * A limit of requests in flight that follows what the upstream bears: it falls while answers take longer than they do
 * without load, and rises while they don't (Envoy's adaptive concurrency, controller "gradient").
 */
export interface AdaptiveConcurrencyPolicy {
  /** Never below. Default 3. */
  readonly minLimit: number
  /** Never above. Default 1000. */
  readonly maxLimit: number
  /** Latency above that without load which is taken for none, as a share of it. Default 0.25. */
  readonly tolerance: number
  /** Time over which latencies are gathered for one step. Default 100. */
  readonly windowMs: number
  /** Time after which the latency without load is measured anew, at the lowest limit. Default 60000. */
  readonly probeIntervalMs: number
}
