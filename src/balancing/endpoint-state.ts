import type { Endpoint } from '../model/endpoint.ts'

/**
 * What this proxy has learnt of one endpoint. There is one object per endpoint id in a cluster, kept from
 * snapshot to snapshot, so that a new list of endpoints forgets nothing.
 */
export class EndpointState {
  /** Replaced when a snapshot brings the same id with another weight or zone. */
  endpoint: Endpoint
  /** Requests in flight. */
  active = 0
  /** Set by active health checks. */
  healthy = true

  /** Set by the outlier detector, as are the next three. */
  ejected = false
  ejectedUntil = 0
  ejectionStreak = 0
  consecutiveFailures = 0

  /** Latency estimate in ms as of {@link ewmaAt}; undefined time: never observed. */
  ewmaMs = 0
  ewmaAt = Number.NEGATIVE_INFINITY
  /** Turns owed by the round-robin balancer. */
  credit = 0

  /** Attempts sent and attempts failed, ever. */
  requests = 0
  failures = 0

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint
  }

  get available(): boolean {
    return this.healthy && !this.ejected
  }
}
