import type { Endpoint } from '../model/endpoint.ts'
import { Availability } from './availability.ts'

/**
 * What this proxy has learnt of one endpoint. There is one object per endpoint id in a cluster, kept from
 * snapshot to snapshot, so that a new list of endpoints forgets nothing.
 */
export class EndpointState {
  readonly availability: Availability
  #endpoint: Endpoint
  /** Its share among the others now: the endpoint's own, and less while it warms up. */
  weight: number
  /** Monotonic ms; set when it joined others that were serving, undefined when it has warmed up. */
  joinedAt: number | undefined
  /** Requests in flight. */
  active = 0
  #healthy = true
  #ejected = false

  /** Set by the outlier detector, as are all up to `sweepFailures`. */
  ejectedUntil = 0
  ejectionStreak = 0
  /** It was ejected and has not succeeded since: one request at a time is let to it. */
  onProbation = false
  consecutiveFailures = 0
  consecutiveGatewayFailures = 0
  consecutiveLocalFailures = 0
  sweepRequests = 0
  sweepFailures = 0

  /** Latency estimate in ms as of {@link ewmaAt}; undefined time: never observed. */
  ewmaMs = 0
  ewmaAt = Number.NEGATIVE_INFINITY
  /** Turns owed by the round-robin balancer. */
  credit = 0

  /** Attempts sent and attempts failed, ever. */
  requests = 0
  failures = 0

  /** @param availability that of all endpoints of its cluster. */
  constructor(endpoint: Endpoint, availability: Availability = new Availability()) {
    this.#endpoint = endpoint
    this.weight = endpoint.weight
    this.availability = availability
  }

  /** Replaced when a snapshot brings the same id with another weight or zone. */
  get endpoint(): Endpoint {
    return this.#endpoint
  }

  set endpoint(endpoint: Endpoint) {
    this.#endpoint = endpoint
    if (this.joinedAt === undefined) this.weight = endpoint.weight
  }

  /** It has all of its weight from here on. */
  endWarming(): void {
    this.joinedAt = undefined
    this.weight = this.#endpoint.weight
  }

  /** Set by active health checks. */
  get healthy(): boolean {
    return this.#healthy
  }

  set healthy(healthy: boolean) {
    if (healthy !== this.#healthy) this.availability.version++
    this.#healthy = healthy
  }

  /** Set by the outlier detector. */
  get ejected(): boolean {
    return this.#ejected
  }

  set ejected(ejected: boolean) {
    if (ejected !== this.#ejected) this.availability.version++
    this.#ejected = ejected
  }

  get available(): boolean {
    return this.#healthy && !this.#ejected
  }

  /** Whether the next request may go there: on probation it waits until it is known how the last one went. */
  get mayServe(): boolean {
    return this.#healthy && !this.#ejected && (!this.onProbation || this.active === 0)
  }
}
