import type { Random } from '../base/random.ts'
import type { EndpointState } from './endpoint-state.ts'

/** What a choice may depend on. The caller's own exchange object can serve as one. */
export interface PickContext {
  /** Monotonic milliseconds. */
  readonly now: number
  readonly random: Random
  /** Endpoints that this request has tried: taken again only when there is no other. */
  readonly tried?: readonly EndpointState[] | undefined
  /** Of the request's key, 32 bits, for balancers that hash. Absent: it has none. */
  readonly hash?: number | undefined
  /** The value that the endpoint's label must have. Absent: any. */
  readonly subset?: string | undefined
  /** Endpoints on probation serve that have a request already; or ejected ones as well. Absent: neither. */
  readonly evenIf?: 'busy' | 'ejected' | undefined
}

/** Chooses among one immutable list of endpoints; a snapshot with another list makes a new balancer. */
export interface LoadBalancer {
  /** Undefined when no endpoint may serve. The caller counts the endpoint's `active` up and down. */
  pick(context: PickContext): EndpointState | undefined
}
