import type { FaultAbort, FaultPolicy } from '../../model/policy/fault.ts'
import type { HedgingPolicy } from '../../model/policy/hedging.ts'
import type { Fault } from '../../model/kinds/traffic/faults.ts'
import type { RetryPolicy, Route } from '../../model/route.ts'
import { compileBreaker, compileRetry } from './cluster-compiler.ts'
import { compileHeaders } from './matching/matching.ts'
import { withDefaults, type RoutePolicySpec } from './traffic-policies.ts'

/** What a route has from TrafficPolicies; a field of the route itself comes before it. */
export type RoutePolicy = Pick<
  Route,
  'retry' | 'timeoutMs' | 'hedging' | 'faults' | 'circuitBreaker'
>

/** @param own of the route, before that of its Service, whose circuit breaker is the cluster's. */
export function compileRoutePolicy(
  own: RoutePolicySpec | undefined,
  ofService: RoutePolicySpec | undefined,
): RoutePolicy {
  const policy = withDefaults(own, ofService)
  const { hedging, faults = [], timeouts } = policy
  const { request = 0, backendRequest } = timeouts ?? {}
  return {
    retry: compileTries(policy.retry, backendRequest),
    ...(request > 0 && { timeoutMs: request }),
    ...(hedging !== undefined && { hedging: compileHedging(hedging) }),
    ...(faults.length > 0 && { faults: faults.map(compileFault) }),
    ...(own?.circuitBreaker !== undefined && {
      circuitBreaker: compileBreaker(own.circuitBreaker),
    }),
  }
}

/** As of an HTTPRoute, `backendRequest` is until the full answer is here, and goes before `perTryTimeout`. */
function compileTries(
  retry: RoutePolicySpec['retry'],
  backendRequest: number | undefined,
): RetryPolicy {
  if (backendRequest === undefined) return compileRetry({ retry })
  return {
    ...compileRetry({ retry: { ...retry, perTryTimeout: backendRequest } }),
    ...(backendRequest > 0 && { limitsWholeTry: true }),
  }
}

function compileHedging({
  after,
  maxAttempts,
}: NonNullable<RoutePolicySpec['hedging']>): HedgingPolicy {
  return { after: typeof after === 'number' ? { delayMs: after } : after, maxAttempts }
}

function compileFault({ match, percent, delay, abort }: Fault): FaultPolicy {
  const headers = match?.headers ?? []
  return {
    percent,
    ...(headers.length > 0 && {
      headers: compileHeaders(headers),
    }),
    ...(delay !== undefined && { delayMs: delay.duration }),
    ...(abort !== undefined && { abort: compileAbort(abort) }),
  }
}

function compileAbort({ httpStatus, grpcStatus }: NonNullable<Fault['abort']>): FaultAbort {
  return grpcStatus === undefined ? { httpStatus: httpStatus ?? 503 } : { grpcStatus }
}
