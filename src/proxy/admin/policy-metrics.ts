import { metricFamily } from '../../telemetry/metric-catalog.ts'
import type { MetricFamily, Sample } from '../../telemetry/metric-family.ts'
import { limitSeries } from '../../telemetry/series-limit.ts'
import type { InboundPolicyFilter } from '../authorization/inbound-policies.ts'
import type { PolicyCounts } from '../authorization/policy-counters.ts'

/** Names of policies come from the configuration, of which somebody may have too many. */
const maxSeries = 1000

/** What the policies of a data plane have counted. */
export function* policyMetrics(policies: InboundPolicyFilter): Iterable<MetricFamily> {
  const { authorization, tokens, rateLimits } = policies
  const decisions = metricFamily(
    'authorizationDecisions',
    [...authorization.all()].flatMap(decisionSamples),
  )
  yield limitSeries(decisions, maxSeries)
  const sample = (result: string, value: number): Sample => ({ labels: { result }, value })
  yield metricFamily('authenticationTokens', [
    sample('verified', tokens.verified),
    sample('cached', tokens.cached),
    sample('refused', tokens.refused),
  ])
  yield metricFamily('authenticationKeyFetches', [
    sample('fetched', tokens.keysFetched),
    sample('failed', tokens.keysFailed),
  ])
  const refusals = metricFamily(
    'rateLimited',
    rateLimits.map(({ name, refused }) => ({ labels: { limit: name }, value: refused })),
  )
  yield limitSeries(refusals, maxSeries)
}

/** Those that an action can have; others would always be 0. */
function decisionSamples(counts: PolicyCounts): Sample[] {
  const { name: policy, action } = counts
  const results = {
    allowed: counts.allowed,
    denied: counts.deniedCount,
    would_deny: counts.wouldDenyCount,
    audited: counts.auditedCount,
  }
  return Object.entries(results)
    .filter(([, value]) => value > 0)
    .map(([result, value]) => ({ labels: { policy, action, result }, value }))
}
