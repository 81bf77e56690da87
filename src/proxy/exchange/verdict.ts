import { errorTable } from '../../base/errors.ts'
import type { CircuitBreaker } from '../../resilience/circuit-breaker.ts'
import type { Exchange } from './exchange.ts'
import type { Forwarding } from './forwarder.ts'

type Verdict = 'good' | 'bad' | 'none'

/** Tells the breakers how the exchange as a whole has ended, unless they know. */
export function judge(exchange: Exchange, forwarding: Forwarding): void {
  if (!forwarding.judged) tellBreakers(forwarding, verdictOn(exchange, forwarding))
}

/** A probe is good from its head on: the answer may be a stream of hours, and all others are refused so long. */
export function judgeProbe({ isGrpc, status }: Exchange, forwarding: Forwarding): void {
  const { cluster, breaker, routeBreaker } = forwarding
  if (breaker.state !== 'half-open' && routeBreaker?.state !== 'half-open') return
  // The status of a call stands in its trailers.
  if (isGrpc || cluster.isFailure(status)) return
  forwarding.judged = true
  tellBreakers(forwarding, 'good')
}

function verdictOn(
  { outcome, reason, attempts, tunnelOpenedAt }: Exchange,
  { cluster, unjudged }: Forwarding,
): Verdict {
  // Where nobody was asked nothing is learnt: a service whose first endpoint comes must not stay shut off. Nor of who
  // has too much to do: shutting it off would waste what it does.
  if (attempts === 0 || unjudged || reason === 'overloaded') return 'none'
  // Whoever refuses a good answer says nothing against who gave it.
  if (reason === 'plugin_failed') return 'none'
  if (reason !== undefined && errorTable[reason].source === 'downstream') return 'none'
  if (tunnelOpenedAt !== undefined) return 'good'
  return cluster.isFailure(outcome) || reason !== undefined ? 'bad' : 'good'
}

function tellBreakers(
  { breaker, permit, routeBreaker, routePermit }: Forwarding,
  verdict: Verdict,
): void {
  tell(breaker, permit, verdict)
  if (routeBreaker !== undefined) tell(routeBreaker, routePermit, verdict)
}

function tell(breaker: CircuitBreaker, permit: number, verdict: Verdict): void {
  if (verdict === 'good') breaker.onSuccess(permit)
  else if (verdict === 'bad') breaker.onFailure(permit)
  else breaker.onIgnored(permit)
}

/**
 * At its deadline the last try has had less time than the service needs: its caller's own deadline was short, or most of
 * the time went by in waits, delays and other tries.
 */
export function isUnfair(
  { route, deadlineAt, startedAt }: Exchange,
  { cluster, triedAt }: Forwarding,
): boolean {
  const timeoutMs = deadlineAt - startedAt
  const hadMs = deadlineAt - triedAt
  // Of the route, but for what is lost by adding and subtracting.
  const isRoutes = route?.timeoutMs !== undefined && timeoutMs > route.timeoutMs - 1
  if (isRoutes && hadMs > timeoutMs / 2) return false
  return !cluster.isFairTime(hadMs)
}
